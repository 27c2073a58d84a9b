// Owns the route table of decisions. The route is served under `/v1` and without it.
import { jobErrors, retryHeader, route } from "../openapi/route-parts.ts";
import { DecisionAnswerSchema } from "./answers.ts";
import { DecisionRequestSchema } from "./requests.ts";

export const decisionRoutes = {
  decisions: route("post", "/v1/decisions", {
    summary: "Answer typed questions about a state with a probability for each option.",
    request: DecisionRequestSchema,
    response: DecisionAnswerSchema,
    headers: retryHeader,
    errors: jobErrors,
  }),
};
