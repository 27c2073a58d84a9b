// Owns the table of the routes that rank and score texts. Routes under `/v1` are also served without `/v1`.
import { RankingSchema, RerankRequestSchema, ScoreRequestSchema, ScoresSchema } from "./requests.ts";
import { jobErrors, retryHeader, route } from "../openapi/route-parts.ts";
import type { Route } from "../openapi/routes.ts";

const ranking = {
  request: RerankRequestSchema,
  response: RankingSchema,
  headers: retryHeader,
  errors: jobErrors,
} as const;

export const rerankRoutes = {
  rerank: route("post", "/v1/rerank", {
    ...ranking,
    summary: "Rank documents by relevance to a query, best first. Needs a reranking model.",
  }),
  rerankV2: route("post", "/v2/rerank", {
    ...ranking,
    summary: "The same as /v1/rerank, on the path of Cohere's second version.",
  }),
  reranking: route("post", "/v1/reranking", {
    ...ranking,
    summary: "The same as /v1/rerank, on llama-server's second path.",
  }),
  score: route("post", "/v1/score", {
    summary: "Score how well texts match: text_1 with each of text_2, or pair by pair. Needs a reranking model.",
    request: ScoreRequestSchema,
    response: ScoresSchema,
    headers: retryHeader,
    errors: jobErrors,
  }),
};

/** The paths of a route, with `/v1` and without. */
export function rerankPathsOf({ path }: Pick<Route, "path">): readonly string[] {
  return path.startsWith("/v1/") ? [path, path.slice(3)] : [path];
}
