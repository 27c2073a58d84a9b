// Owns the OpenAI-compatible routes: models and the two completions, from their bodies to a generation.
import { ChatCompletionRequestSchema, WaggleError } from "@waggle/protocol";
import type { ChatCompletionRequest, openAiRoutes } from "@waggle/protocol";
import { readBody } from "../../body.ts";
import { leavingOf } from "../../connection.ts";
import { promptOf, toolsOnOffer } from "../../conversation.ts";
import type { AppContext, AppOptions } from "../../context.ts";
import type { Handler } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";
import type { PartNames } from "./answer.ts";
import { chatCompletion } from "./chat.ts";
import { completionsRoute } from "./completions.ts";
import { embeddingsRoute } from "./embeddings.ts";
import { knowsFunctionsOnly } from "./functions.ts";
import { answerOf, optionsOf } from "./framing.ts";
import { modelListOf, modelOf } from "./models.ts";
import { conversationOf, translateChat } from "./request.ts";
import { requestContextOf } from "../../wishes.ts";

/** @openai/agents reads thoughts under this name alone. Goose refuses a message with both, so nobody is sent both. */
const readsReasoning = /^Agents\/JavaScript/;

function partNamesFor(c: AppContext, body: ChatCompletionRequest): PartNames {
  return {
    reasoning: readsReasoning.test(c.req.header("user-agent") ?? "") ? "reasoning" : "reasoning_content",
    call: knowsFunctionsOnly(body) ? "function_call" : "tool_calls",
  };
}

type OpenAiRouteName = keyof typeof openAiRoutes;

export function createOpenAiRoutes(options: AppOptions, generations: Generations): Record<OpenAiRouteName, Handler> {
  const { limits, models } = options;
  const createdMs = Date.now();

  return {
    models: (c) => c.json(modelListOf(models.all(), createdMs)),
    model(c) {
      const id = c.req.param("id") ?? "";
      const model = models.all().find(({ name, aliases }) => name === id || aliases.includes(id));
      if (model === undefined) throw new WaggleError("not_found", `Cannot find model "${id.slice(0, 256)}".`);
      return c.json(modelOf(model, createdMs));
    },
    async chatCompletions(c) {
      const body = await readBody(c, ChatCompletionRequestSchema, limits.maxBodyBytes);
      const served = models.find(body.model);
      const wishes = { streamed: body.stream === true, keepAlive: body.keep_alive };
      const spec = await translateChat(body, requestContextOf(c, options, served, wishes));
      const completion = chatCompletion(partNamesFor(c, body));
      const shape = { choices: spec.choices, logprobs: spec.topLogprobs !== undefined };
      const answer = answerOf(completion, optionsOf(completion, served.info(), shape), body);
      return await generations.respond(c, { spec, answer });
    },
    async countChatInput(c) {
      const body = await readBody(c, ChatCompletionRequestSchema, limits.maxBodyBytes);
      const served = models.find(body.model);
      const conversation = await conversationOf(body, served);
      const prompt = await promptOf(conversation, toolsOnOffer(conversation.options), served);
      const { promptTokens } = await served.query<"count">({ ...prompt, kind: "count" }, leavingOf(c));
      return c.json({ object: "response.input_tokens", input_tokens: promptTokens });
    },
    completions: completionsRoute(options, generations),
    embeddings: embeddingsRoute(options, generations),
  };
}
