// Owns the OpenAI-compatible routes and llama-server's three about tokens: from their bodies to the dispatcher, and back.
import { randomUUID } from "node:crypto";
import {
  ApplyTemplateRequestSchema,
  ChatCompletionRequestSchema,
  CompletionRequestSchema,
  DetokenizeRequestSchema,
  EmbeddingsRequestSchema,
  SessionIdSchema,
  TokenizeRequestSchema,
  WaggleError,
} from "@waggle/protocol";
import type { openAiRoutes } from "@waggle/protocol";
import { readBody } from "../body.ts";
import type { AppContext, AppOptions } from "../context.ts";
import type { Handler } from "../native/job-routes.ts";
import type { StreamCounter } from "../stream-counter.ts";
import type { AnswerHead } from "./answer.ts";
import { collectAnswer, streamAnswer } from "./completions.ts";
import { chatDialect, completionDialect } from "./dialects.ts";
import type { Dialect, DialectOptions } from "./dialects.ts";
import { schemaGrammarFor, unsupported } from "../fields.ts";
import { templateMessage, templateTools, translateChat, translateCompletion } from "./request.ts";
import type { Translated, TranslationContext } from "./request.ts";

export type OpenAiRouteName = keyof typeof openAiRoutes;

export function createOpenAiRoutes(options: AppOptions, streams: StreamCounter): Record<OpenAiRouteName, Handler> {
  const { dispatcher, limits, schemas, view } = options;
  const created = Math.floor(Date.now() / 1000);

  interface Wanted {
    readonly stream?: boolean | null | undefined;
    readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined;
  }

  async function answer(
    c: AppContext,
    body: Wanted,
    { spec, tools }: Translated,
    prefix: string,
    createDialect: (options: DialectOptions) => Dialect,
  ): Promise<Response> {
    const client = c.get("client");
    const stream = body.stream === true;
    if (stream) streams.check(client);
    const job = await dispatcher.submit(spec).catch((error: unknown) => {
      options.metrics.jobsRejected.inc({ code: WaggleError.from(error).code });
      throw error;
    });
    const head: AnswerHead = {
      id: `${prefix}-${randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model: view.info().model,
      system_fingerprint: `waggle-${view.info().version}`,
    };
    const dialect = createDialect({
      head,
      choices: job.parts.length,
      tools,
      logprobs: spec.topLogprobs !== undefined,
    });
    const common = { job, head, dialect, dispatcher };
    if (!stream) return c.json(await collectAnswer(c, common));
    return streamAnswer(c, { ...common, streams, client, includeUsage: body.stream_options?.include_usage === true });
  }

  function contextOf(c: AppContext, body: Wanted): TranslationContext {
    const session = c.req.header("x-session-id");
    const parsed = SessionIdSchema.optional().safeParse(session);
    if (!parsed.success) throw unsupported("x-session-id", "only letters, digits and . _ : - are allowed, 128 at most");
    // A collected answer must come before the client's own time for headers is up; a stream has its headers already.
    return {
      client: c.get("client"),
      schemaGrammar: schemaGrammarFor(schemas, c.get("client")),
      trace: c.get("requestId"),
      sessionId: parsed.data,
      deadlineMs: body.stream === true ? undefined : limits.collectTimeoutMs,
    };
  }

  function model(): Record<string, unknown> {
    const info = view.info();
    return {
      id: info.model,
      object: "model",
      created,
      owned_by: "waggle",
      meta: { n_ctx: info.context_size, n_ctx_train: info.trained_context_size, n_params: info.parameters },
    };
  }

  return {
    models: (c) => c.json({ object: "list", data: [model()] }),
    model(c) {
      const id = c.req.param("id") ?? "";
      if (id !== view.info().model) throw new WaggleError("not_found", `Cannot find model "${id.slice(0, 256)}".`);
      return c.json(model());
    },
    async chatCompletions(c) {
      const body = await readBody(c, ChatCompletionRequestSchema, limits.maxBodyBytes);
      return await answer(c, body, await translateChat(body, contextOf(c, body)), "chatcmpl", chatDialect);
    },
    async completions(c) {
      const body = await readBody(c, CompletionRequestSchema, limits.maxBodyBytes);
      return await answer(c, body, translateCompletion(body, contextOf(c, body)), "cmpl", completionDialect);
    },
    async embeddings(c) {
      const body = await readBody(c, EmbeddingsRequestSchema, limits.maxBodyBytes);
      if (body.dimensions != null) throw unsupported("dimensions", "the model's own width is the only one");
      const texts = typeof body.input === "string" ? [body.input] : body.input;
      const { vectors, tokens } = await dispatcher.ask<"embed">({ kind: "embed", texts });
      const encode = body.encoding_format === "base64" ? toBase64 : (vector: readonly number[]) => vector;
      return c.json({
        object: "list",
        data: vectors.map((vector, index) => ({ object: "embedding", index, embedding: encode(vector) })),
        model: view.info().model,
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      });
    },
    async tokenize(c) {
      const body = await readBody(c, TokenizeRequestSchema, limits.maxBodyBytes);
      const { content: text, add_special: addSpecial, parse_special: parseSpecial, with_pieces: withPieces } = body;
      const { tokens, pieces } = await dispatcher.ask<"tokenize">({ kind: "tokenize", text, addSpecial, parseSpecial });
      if (!withPieces) return c.json({ tokens });
      return c.json({ tokens: tokens.map((id, i) => ({ id, piece: pieceOf(pieces[i] ?? "") })) });
    },
    async detokenize(c) {
      const { tokens } = await readBody(c, DetokenizeRequestSchema, limits.maxBodyBytes);
      const { text } = await dispatcher.ask<"detokenize">({ kind: "detokenize", tokens });
      return c.json({ content: text });
    },
    async applyTemplate(c) {
      const { messages, tools } = await readBody(c, ApplyTemplateRequestSchema, limits.maxBodyBytes);
      const { prompt } = await dispatcher.ask<"render">({
        kind: "render",
        messages: messages.map(templateMessage),
        ...(tools == null ? {} : { tools: templateTools(tools) }),
      });
      return c.json({ prompt });
    },
  };
}

/** As OpenAI's clients expect: little-endian 32-bit floats. */
function toBase64(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString("base64");
}

/** A piece is text, or its bytes where it is only part of a character: llama-server's rule. */
function pieceOf(base64: string): string | number[] {
  const bytes = Buffer.from(base64, "base64");
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : [...bytes];
}
