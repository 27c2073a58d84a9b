// Owns the route tables of decisions. All routes are served under `/v1` and without it.
import { jobErrors, retryHeader, route } from "../openapi/route-parts.ts";
import { DecisionAnswerSchema, SystemOneAnswerSchema } from "./answers.ts";
import { DecisionRequestSchema, SystemOneRequestSchema } from "./requests.ts";

const rest = { headers: retryHeader, errors: jobErrors } as const;

export const decisionRoutes = {
  decisions: route("post", "/v1/decisions", {
    summary:
      "Answer typed questions about a state with a probability for each option. The content selects the format: state, or questions as an object: System One; questions with id: SGLang; else OpenAI.",
    request: DecisionRequestSchema,
    response: DecisionAnswerSchema,
    ...rest,
  }),
};

export const systemOneRoutes = {
  systemOne: route("post", "/v1/systemone", {
    summary: "The same in the System One format, on TypeSafe's path.",
    request: SystemOneRequestSchema,
    response: SystemOneAnswerSchema,
    ...rest,
  }),
};
