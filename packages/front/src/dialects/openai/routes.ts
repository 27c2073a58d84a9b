// Owns the OpenAI-compatible routes. `pnpm test dialects/openai` runs its contract too.
import { unknownModel } from "@waggle/jobs";
import { ChatCompletionRequestSchema, openAiRoutes, pathsOf } from "@waggle/protocol";
import type { ChatCompletionRequest } from "@waggle/protocol";
import { readOpenAiBody } from "../../body/ignored-fields.ts";
import { countTokens } from "../../conversation/conversation.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import { modelPath, routesOf } from "../../generation/dialect.ts";
import type { Dialect, Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import type { PartNames } from "./answer.ts";
import { chatCompletion } from "./chat.ts";
import { completionsRoute } from "./completions.ts";
import { embeddingsRoute } from "./embeddings.ts";
import { openAiError } from "./errors.ts";
import { knowsFunctionsOnly } from "./functions.ts";
import { openAiAnswer, optionsOf } from "./framing.ts";
import { modelListOf, modelOf } from "./models.ts";
import { conversationOf, translateChat } from "./request.ts";
import { requestContextOf } from "../../generation/base-job-spec.ts";

/** @openai/agents reads reasoning only in the field `reasoning`. */
const readsReasoning = /^Agents\/JavaScript/;

function partNamesFor(c: AppContext, body: ChatCompletionRequest): PartNames {
  return {
    reasoning: readsReasoning.test(c.req.header("user-agent") ?? "") ? "reasoning" : "reasoning_content",
    call: knowsFunctionsOnly(body) ? "function_call" : "tool_calls",
  };
}

export function createOpenAiDialect(options: AppOptions, generations: Generations): Dialect {
  return {
    name: "openai",
    routes: routesOf(openAiRoutes, createRoutes(options, generations), (route) => pathsOf(route).map(modelPath)),
    prefixes: [],
    errorBody: openAiError,
  };
}

function createRoutes(options: AppOptions, generations: Generations): Record<keyof typeof openAiRoutes, Handler> {
  const { models } = options;
  const createdMs = Date.now();

  return {
    models: (c) => c.json(modelListOf(models.all(), createdMs)),
    model(c) {
      const id = c.req.param("id") ?? "";
      const model = models.all().find(({ name, aliases }) => name === id || aliases.includes(id));
      if (model === undefined) throw unknownModel(id, models.all());
      return c.json(modelOf(model, createdMs));
    },
    async chatCompletions(c) {
      const body = await readOpenAiBody(c, ChatCompletionRequestSchema);
      const served = models.find(body.model);
      const streamed = body.stream === true;
      const context = requestContextOf(c, options, served, { streamed, keepAlive: body.keep_alive });
      const spec = await translateChat(body, context);
      const completion = chatCompletion(partNamesFor(c, body));
      const shape = { choices: spec.work.choices, logprobs: spec.work.topLogprobs !== undefined };
      const answer = openAiAnswer(completion, optionsOf(completion, served.info(), shape), body);
      return await generations.respond(c, { spec, streamed, answer });
    },
    async countChatInput(c) {
      const body = await readOpenAiBody(c, ChatCompletionRequestSchema);
      const served = models.find(body.model);
      const promptTokens = await countTokens(c, await conversationOf(body, served), served);
      return c.json({ object: "response.input_tokens", input_tokens: promptTokens });
    },
    completions: completionsRoute(options, generations),
    embeddings: embeddingsRoute(options, generations),
  };
}
