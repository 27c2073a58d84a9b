// Owns the dialect of the routes that rank and score texts. Errors have OpenAI's shape, as in vLLM.
// `pnpm test dialects/rerank` runs its contract too.
import { rerankPathsOf, rerankRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../server/context.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Dialect } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { openAiError } from "../openai/errors.ts";
import { rerankRoute, scoreRoute } from "./rerank.ts";

export function createRerankDialect(options: AppOptions, generations: Generations): Dialect {
  const handlers = {
    rerank: rerankRoute(options, generations, "1"),
    rerankV2: rerankRoute(options, generations, "2"),
    reranking: rerankRoute(options, generations, "1"),
    score: scoreRoute(options, generations),
  };
  return {
    name: "rerank",
    routes: routesOf(rerankRoutes, handlers, rerankPathsOf),
    prefixes: [],
    errorBody: openAiError,
  };
}
