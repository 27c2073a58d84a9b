// Owns the dialect of Anthropic's Messages API.
import { anthropicRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../context.ts";
import { apiToken } from "../../credentials.ts";
import { routesOf } from "../../dialect.ts";
import type { Dialect } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";
import { anthropicError } from "./errors.ts";
import { createAnthropicRoutes } from "./routes.ts";

export function createAnthropicDialect(options: AppOptions, generations: Generations): Dialect {
  return {
    name: "anthropic",
    routes: routesOf(anthropicRoutes, createAnthropicRoutes(options, generations), ({ path }) => [path]),
    prefixes: ["/v1/messages"],
    credential: apiToken,
    errorBody: anthropicError,
  };
}
