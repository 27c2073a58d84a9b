// Owns the dialect of the routes that rank and score texts.
import { rerankRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../context.ts";
import { apiToken } from "../../credentials.ts";
import { routesOf } from "../../dialect.ts";
import type { Dialect } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";

export function createRerankDialect(_options: AppOptions, _generations: Generations): Dialect {
  return {
    name: "rerank",
    routes: routesOf(rerankRoutes, {}, ({ path }) => [path]),
    prefixes: [],
    credential: apiToken,
    errorBody: (error) => error.toBody(),
  };
}
