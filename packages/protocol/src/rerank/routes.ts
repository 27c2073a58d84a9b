// Owns the route table of the routes that rank and score texts. Routes under `/v1` are also served without it.
import { RankingSchema, RerankRequestSchema, ScoreRequestSchema, ScoresSchema } from "./requests.ts";
import { jobErrors, retryHeader } from "../openapi/route-parts.ts";
import type { Route } from "../openapi/routes.ts";

const ranking = {
  method: "post",
  request: RerankRequestSchema,
  status: 200,
  response: RankingSchema,
  headers: retryHeader,
  errors: jobErrors,
} as const;

export const rerankRoutes = {
  rerank: {
    ...ranking,
    path: "/v1/rerank",
    summary: "Rank documents by how well they fit a query, best first. On a model that ranks.",
  },
  rerankV2: { ...ranking, path: "/v2/rerank", summary: "The same, where Cohere's second version has it." },
  reranking: {
    ...ranking,
    path: "/v1/reranking",
    summary: "The same as /v1/rerank, under llama-server's second name for it.",
  },
  score: {
    method: "post",
    path: "/v1/score",
    summary: "How well each of the second texts fits the first one, or its own first one. On a model that ranks.",
    request: ScoreRequestSchema,
    status: 200,
    response: ScoresSchema,
    headers: retryHeader,
    errors: jobErrors,
  },
} as const satisfies Record<string, Route>;

/** The paths of a route, with `/v1` and without. */
export function rerankPathsOf({ path }: Pick<Route, "path">): readonly string[] {
  return path.startsWith("/v1/") ? [path, path.slice(3)] : [path];
}
