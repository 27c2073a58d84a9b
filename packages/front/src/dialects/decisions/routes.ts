// Owns the dialect of decisions. `pnpm test dialects/decisions` runs its contract too.
import { DecisionRequestSchema, decisionRoutes, pathsOf } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import type { AppOptions } from "../../server/context.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Dialect } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { openAiError } from "../openai/errors.ts";
import { decide } from "./decide.ts";

export function createDecisionDialect(options: AppOptions, generations: Generations): Dialect {
  return {
    name: "decisions",
    routes: routesOf(
      decisionRoutes,
      {
        decisions: async (c) => c.json(await decide(c, await readBody(c, DecisionRequestSchema), options, generations)),
      },
      pathsOf,
    ),
    prefixes: [],
    errorBody: openAiError,
  };
}
