// Owns OpenAI's dialect, with llama-server's additions to it.
import { openAiRoutes, pathsOf } from "@waggle/protocol";
import type { Route } from "@waggle/protocol";
import type { AppOptions } from "../../context.ts";
import { apiToken } from "../../credentials.ts";
import { modelPath, routesOf } from "../../dialect.ts";
import type { Dialect } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";
import { openAiError } from "./errors.ts";
import { createOpenAiRoutes } from "./routes.ts";

export function createOpenAiDialect(options: AppOptions, generations: Generations): Dialect {
  return {
    name: "openai",
    routes: routesOf(openAiRoutes, createOpenAiRoutes(options, generations), patternsOf),
    prefixes: [],
    credential: apiToken,
    errorBody: openAiError,
  };
}

function patternsOf(route: Route): readonly string[] {
  return pathsOf(route).map(modelPath);
}
