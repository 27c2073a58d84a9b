// Owns the dialect of llama-server's own routes.
import { llamaServerRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../context.ts";
import { apiToken } from "../../credentials.ts";
import { routesOf } from "../../dialect.ts";
import type { Dialect } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";

export function createLlamaServerDialect(_options: AppOptions, _generations: Generations): Dialect {
  return {
    name: "llama-server",
    routes: routesOf(llamaServerRoutes, {}, ({ path }) => [path]),
    prefixes: [],
    credential: apiToken,
    errorBody: (error) => error.toBody(),
  };
}
