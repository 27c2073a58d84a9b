// Owns Ollama's routes that write, from their bodies to a generation, and all of the dialect's routes together.
import { OllamaChatRequestSchema, OllamaGenerateRequestSchema } from "@waggle/protocol";
import type { GenerateSpec } from "@waggle/jobs";
import type { OllamaChatRequest, OllamaGenerateRequest, ollamaRoutes } from "@waggle/protocol";
import { readBody } from "../../body.ts";
import type { AppContext, AppOptions } from "../../context.ts";
import type { Generation, Handler } from "../../dialect.ts";
import { schemaGrammarFor } from "../../fields.ts";
import type { Generations } from "../../generations.ts";
import { requestContextOf } from "../../wishes.ts";
import { chatForm, generateForm, loadedAnswer, ollamaCollector, ollamaFraming } from "./answer.ts";
import type { AnswerForm } from "./answer.ts";
import { createEmbedRoutes } from "./embed-routes.ts";
import { checkStays, loadedInfo } from "./loaded.ts";
import { askedModel } from "./model-name.ts";
import { createModelRoutes } from "./model-routes.ts";
import { translateChat, translateGenerate } from "./request.ts";
import type { OllamaContext } from "./request.ts";

type AnswerRequest = OllamaChatRequest | OllamaGenerateRequest;

export function createOllamaRoutes(
  options: AppOptions,
  generations: Generations,
): Record<keyof typeof ollamaRoutes, Handler> {
  const { limits, schemas, view } = options;

  function contextOf(c: AppContext, body: AnswerRequest, model: string): OllamaContext {
    return {
      ...requestContextOf(c, options, { streamed: isStreamed(body) }),
      model,
      contextSize: view.info().context_size,
      schemaGrammar: schemaGrammarFor(schemas, c.get("client")),
    };
  }

  function load(c: AppContext, { keep_alive: keepAlive }: AnswerRequest, form: AnswerForm): Response {
    checkStays(keepAlive, form.model);
    loadedInfo(view);
    return c.json(loadedAnswer(form));
  }

  return {
    ...createModelRoutes(options),
    ...createEmbedRoutes(options, generations),
    async ollamaChat(c) {
      const body = await readBody(c, OllamaChatRequestSchema, limits.maxBodyBytes);
      const model = askedModel(body, view.info().model);
      const form = chatForm(model);
      if (body.messages == null || body.messages.length === 0) return load(c, body, form);
      const spec = await translateChat(body, contextOf(c, body, model));
      return await generations.respond(c, generationOf(body, spec, form));
    },
    async ollamaGenerate(c) {
      const body = await readBody(c, OllamaGenerateRequestSchema, limits.maxBodyBytes);
      const model = askedModel(body, view.info().model);
      const isEmpty = [body.prompt, body.suffix].every((text) => text == null || text === "");
      if (isEmpty) return load(c, body, generateForm(model, undefined));
      const { spec, turns } = await translateGenerate(body, contextOf(c, body, model));
      return await generations.respond(c, generationOf(body, spec, generateForm(model, turns)));
    },
  };
}

/** Unlike elsewhere, a stream is what a request gets that says nothing about it. */
function isStreamed({ stream }: AnswerRequest): boolean {
  return stream !== false;
}

function generationOf(body: AnswerRequest, spec: GenerateSpec, form: AnswerForm): Generation {
  return isStreamed(body)
    ? { spec, answer: { kind: "streamed", framing: () => ollamaFraming(form) } }
    : { spec, answer: { kind: "collected", collector: () => ollamaCollector(form) } };
}
