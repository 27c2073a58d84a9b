// Owns the dialect of OpenAI's Responses API.
import { pathsOf, responsesRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../context.ts";
import { apiToken } from "../../credentials.ts";
import { routesOf } from "../../dialect.ts";
import type { Dialect } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";
import { responsesErrorBody } from "./errors.ts";
import { createResponsesRoutes } from "./routes.ts";

export function createResponsesDialect(options: AppOptions, generations: Generations): Dialect {
  return {
    name: "openai responses",
    routes: routesOf(responsesRoutes, createResponsesRoutes(options, generations), pathsOf),
    prefixes: ["/v1/responses", "/responses"],
    credential: apiToken,
    errorBody: responsesErrorBody,
  };
}
