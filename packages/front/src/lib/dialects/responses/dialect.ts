// Owns the dialect of OpenAI's Responses API.
import { responsesRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../context.ts";
import { apiToken } from "../../credentials.ts";
import { routesOf } from "../../dialect.ts";
import type { Dialect } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";

export function createResponsesDialect(_options: AppOptions, _generations: Generations): Dialect {
  return {
    name: "openai responses",
    routes: routesOf(responsesRoutes, {}, ({ path }) => [path]),
    prefixes: ["/v1/responses"],
    credential: apiToken,
    errorBody: (error) => error.toBody(),
  };
}
