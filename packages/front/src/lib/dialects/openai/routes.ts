// Owns the OpenAI-compatible routes: models and the two completions, from their bodies to a generation.
import { randomUUID } from "node:crypto";
import { ChatCompletionRequestSchema, CompletionRequestSchema, WaggleError } from "@waggle/protocol";
import type { GenerateSpec } from "@waggle/jobs";
import type { openAiRoutes } from "@waggle/protocol";
import { readBody } from "../../body.ts";
import type { AppOptions } from "../../context.ts";
import type { Generation, Handler } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";
import { chatCompletion } from "./chat.ts";
import { embeddingsRoute } from "./embeddings.ts";
import { openAiCollector, openAiFraming } from "./framing.ts";
import type { Completion, CompletionOptions } from "./framing.ts";
import { modelListOf, modelOf } from "./models.ts";
import { translateChat, translateCompletion } from "./request.ts";
import { requestContextOf } from "../../wishes.ts";
import { textCompletion } from "./text.ts";

type OpenAiRouteName = keyof typeof openAiRoutes;

/** What a body of either completion route says of how its answer leaves. */
interface AnswerWishes {
  readonly stream?: boolean | null | undefined;
  readonly return_progress?: boolean | null | undefined;
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined;
}

export function createOpenAiRoutes(options: AppOptions, generations: Generations): Record<OpenAiRouteName, Handler> {
  const { limits, view } = options;
  const createdMs = Date.now();

  function generationOf(body: AnswerWishes, spec: GenerateSpec, completion: Completion): Generation {
    const info = view.info();
    const shape: CompletionOptions = {
      head: {
        id: `${completion.idPrefix}-${randomUUID()}`,
        created: Math.floor(Date.now() / 1000),
        model: info.model,
        system_fingerprint: `waggle-${info.version}`,
      },
      choices: spec.choices,
      logprobs: spec.topLogprobs !== undefined,
    };
    if (body.stream !== true)
      return { spec, answer: { kind: "collected", collector: () => openAiCollector(completion, shape) } };
    const streaming = {
      includeUsage: body.stream_options?.include_usage === true,
      returnProgress: body.return_progress === true,
    };
    return { spec, answer: { kind: "streamed", framing: () => openAiFraming(completion, shape, streaming) } };
  }

  return {
    models: (c) => c.json(modelListOf(view.info(), createdMs)),
    model(c) {
      const id = c.req.param("id") ?? "";
      if (id !== view.info().model) throw new WaggleError("not_found", `Cannot find model "${id.slice(0, 256)}".`);
      return c.json(modelOf(view.info(), createdMs));
    },
    async chatCompletions(c) {
      const body = await readBody(c, ChatCompletionRequestSchema, limits.maxBodyBytes);
      const spec = await translateChat(body, requestContextOf(c, options, { streamed: body.stream === true }));
      return await generations.respond(c, generationOf(body, spec, chatCompletion));
    },
    async completions(c) {
      const body = await readBody(c, CompletionRequestSchema, limits.maxBodyBytes);
      const spec = translateCompletion(body, requestContextOf(c, options, { streamed: body.stream === true }));
      return await generations.respond(c, generationOf(body, spec, textCompletion));
    },
    embeddings: embeddingsRoute(options, generations),
  };
}
