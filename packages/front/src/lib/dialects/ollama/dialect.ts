// Owns the dialect of Ollama's API.
import { ollamaRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../context.ts";
import { apiToken } from "../../credentials.ts";
import { routesOf } from "../../dialect.ts";
import type { Dialect } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";

export function createOllamaDialect(_options: AppOptions, _generations: Generations): Dialect {
  return {
    name: "ollama",
    routes: routesOf(ollamaRoutes, {}, ({ path }) => [path]),
    prefixes: ["/api/"],
    credential: apiToken,
    errorBody: (error) => error.toBody(),
  };
}
