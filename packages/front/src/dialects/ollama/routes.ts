// Owns `/api/chat` and `/api/generate`, and the table of all routes of Ollama's dialect. `pnpm test dialects/ollama` runs its contract too.
import { OllamaChatRequestSchema, OllamaGenerateRequestSchema, keepAliveMs, ollamaRoutes } from "@waggle/protocol";
import type { GenerateSpec } from "@waggle/jobs";
import type { OllamaChatRequest, OllamaGenerateRequest } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import type { AppContext, AppOptions, ServedModel } from "../../server/context.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Dialect, Generation, Handler } from "../../generation/dialect.ts";
import { schemaGrammarFor } from "../../body/fields.ts";
import type { Generations } from "../../generation/generations.ts";
import { requireAdmin } from "../../access/require-admin.ts";
import { requestContextOf } from "../../generation/base-job-spec.ts";
import { chatForm, generateForm, loadedAnswer, ollamaCollector, ollamaFraming } from "./answer.ts";
import type { AnswerForm } from "./answer.ts";
import { createEmbedRoutes } from "./embed-routes.ts";
import { ollamaError } from "./errors.ts";
import { loaded } from "./loaded.ts";
import { askedModel } from "./model-name.ts";
import type { AskedModel } from "./model-name.ts";
import { createModelRoutes } from "./model-routes.ts";
import { translateChat, translateGenerate } from "./request.ts";
import type { OllamaContext } from "./request.ts";

type AnswerRequest = OllamaChatRequest | OllamaGenerateRequest;

export function createOllamaDialect(options: AppOptions, generations: Generations): Dialect {
  return {
    name: "ollama",
    routes: routesOf(ollamaRoutes, createRoutes(options, generations)),
    prefixes: ["/api"],
    errorBody: ollamaError,
  };
}

function createRoutes(options: AppOptions, generations: Generations): Record<keyof typeof ollamaRoutes, Handler> {
  const { control, models, schemas } = options;

  function contextOf(c: AppContext, body: AnswerRequest, { asked, served }: AskedModel): OllamaContext {
    return {
      ...requestContextOf(c, options, served, { streamed: isStreamed(body), keepAlive: body.keep_alive }),
      asked,
      contextSize: served.info().context_size,
      schemaGrammar: schemaGrammarFor(schemas, c.get("client")),
    };
  }

  /** An empty request only loads or unloads the model. */
  async function load(
    c: AppContext,
    { keep_alive: keepAlive }: AnswerRequest,
    served: ServedModel,
    form: AnswerForm,
  ): Promise<Response> {
    if (keepAlive != null && keepAliveMs(keepAlive) === 0) {
      requireAdmin(c);
      await control.unload(served.name);
      return c.json(loadedAnswer(form, "unload"));
    }
    await loaded(c, control, served, keepAlive);
    return c.json(loadedAnswer(form, "load"));
  }

  return {
    ...createModelRoutes(options),
    ...createEmbedRoutes(options, generations),
    async ollamaChat(c) {
      const body = await readBody(c, OllamaChatRequestSchema);
      const model = askedModel(body, models);
      const form = chatForm(model.asked);
      if (body.messages == null || body.messages.length === 0) return await load(c, body, model.served, form);
      const spec = await translateChat(body, contextOf(c, body, model));
      return await generations.respond(c, generationOf(body, spec, form));
    },
    async ollamaGenerate(c) {
      const body = await readBody(c, OllamaGenerateRequestSchema);
      const model = askedModel(body, models);
      const isEmpty = [body.prompt, body.suffix, body.images].every((field) => field == null || field.length === 0);
      if (isEmpty) return await load(c, body, model.served, generateForm(model.asked, undefined));
      const { spec, turns } = await translateGenerate(body, contextOf(c, body, model));
      return await generations.respond(c, generationOf(body, spec, generateForm(model.asked, turns)));
    },
  };
}

/** In this dialect answers are streamed by default. */
function isStreamed({ stream }: AnswerRequest): boolean {
  return stream !== false;
}

function generationOf(body: AnswerRequest, spec: GenerateSpec, form: AnswerForm): Generation {
  const answer = { framing: () => ollamaFraming(form), collector: () => ollamaCollector(form) };
  return { spec, streamed: isStreamed(body), answer };
}
