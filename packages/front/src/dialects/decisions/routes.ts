// Owns the dialects of decisions. `/v1/decisions` takes three formats, `/v1/systemone` only System One.
// `pnpm test dialects/decisions` runs their contract too.
import {
  DecisionRequestSchema,
  OpenAiDecisionRequestSchema,
  SglangDecisionRequestSchema,
  SystemOneRequestSchema,
  decisionRoutes,
  pathsOf,
  refuseField,
  systemOneRoutes,
} from "@waggle/protocol";
import type { SystemOneError } from "@waggle/protocol";
import { lookAtBody, readBody } from "../../body/body.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Dialect } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { openAiError } from "../openai/errors.ts";
import { decide } from "./decide.ts";
import type { Translated } from "./decide.ts";
import { readOpenAi } from "./openai.ts";
import { readSglang } from "./sglang.ts";
import { readSystemOne } from "./system-one.ts";

export function createDecisionDialects(options: AppOptions, generations: Generations): readonly Dialect[] {
  const answer = async (c: AppContext, translated: Translated): Promise<Response> =>
    c.json(await decide(c, translated, options, generations));

  const systemOne: Dialect = {
    name: "system one",
    routes: routesOf(systemOneRoutes, { systemOne: async (c) => await answer(c, await systemOneBody(c)) }, pathsOf),
    prefixes: [],
    errorBody: (error): SystemOneError => ({ ...openAiError(error), detail: error.message }),
  };

  async function systemOneBody(c: AppContext): Promise<Translated> {
    c.set("dialect", systemOne);
    c.header("x-typesafe-request-id", c.get("requestId"));
    return readSystemOne(await readBody(c, SystemOneRequestSchema));
  }

  /** The format is that of the body. @throws WaggleError invalid_argument for a mixture */
  async function anyBody(c: AppContext): Promise<Translated> {
    const body = Object(await lookAtBody(c, DecisionRequestSchema)) as Readonly<Record<string, unknown>>;
    const { state, questions, input } = body;
    const listed: readonly unknown[] = Array.isArray(questions) ? questions : [];
    if (state !== undefined || (questions instanceof Object && !Array.isArray(questions))) {
      if (input == null) return await systemOneBody(c);
      throw refuseField("input", "a request with state, or with questions by id, has no input");
    }
    const isSglang = listed.some((one) => one instanceof Object && ("id" in one || "question" in one));
    return isSglang
      ? readSglang(await readBody(c, SglangDecisionRequestSchema))
      : readOpenAi(await readBody(c, OpenAiDecisionRequestSchema));
  }

  return [
    {
      name: "decisions",
      routes: routesOf(decisionRoutes, { decisions: async (c) => await answer(c, await anyBody(c)) }, pathsOf),
      prefixes: [],
      errorBody: openAiError,
    },
    systemOne,
  ];
}
