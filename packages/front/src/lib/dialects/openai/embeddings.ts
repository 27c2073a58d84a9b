// Owns the embeddings route: a vector for each text, as numbers or as base64.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EmbedSpec } from "@waggle/jobs";
import { EmbeddingsRequestSchema } from "@waggle/protocol";
import type { EmbeddingsRequest } from "@waggle/protocol";
import { readBody } from "../../body.ts";
import type { AppOptions } from "../../context.ts";
import type { Handler } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";
import { streamResponse } from "../../stream-response.ts";

/** Numbers that become JSON in one turn, which takes some 15 ms. Two million take most of a second, in which no stream moves. */
const numbersPerTurn = 32_768;

export interface Embedded {
  readonly vectors: readonly (readonly number[])[];
  readonly tokens: number;
}

export function embeddingsRoute({ limits, view }: AppOptions, generations: Generations): Handler {
  return async (c) => {
    const body = await readBody(c, EmbeddingsRequestSchema, limits.maxBodyBytes);
    const { job, end } = await generations.complete(c, {
      kind: "embed",
      scope: { client: c.get("client"), trace: c.get("requestId") },
      priority: 0,
      deadlineMs: limits.collectTimeoutMs,
      onDisconnect: "cancel",
      direct: true,
      texts: textsOf(body.input),
      dimensions: body.dimensions ?? undefined,
    });
    const embedded = { vectors: job.vectors, tokens: end.usage.prompt_tokens };
    const pieces = embeddingsJson(embedded, view.info().model, body.encoding_format === "base64");
    const headers = { "content-type": "application/json" };
    const [first, ...rest] = pieces;
    return rest.length === 0 ? c.body(first?.() ?? "", 200, headers) : streamResponse(c, oneEachTurn(pieces), headers);
  };
}

function textsOf(input: EmbeddingsRequest["input"]): EmbedSpec["texts"] {
  if (typeof input === "string") return [input];
  return isTokens(input) ? [input] : input;
}

function isTokens(input: Exclude<EmbeddingsRequest["input"], string>): input is number[] {
  return typeof input[0] === "number";
}

/** The response's body in pieces, none of which takes long to make. */
export function embeddingsJson({ vectors, tokens }: Embedded, model: string, base64: boolean): (() => string)[] {
  const perPiece = Math.max(1, Math.floor(numbersPerTurn / Math.max(1, vectors[0]?.length ?? 1)));
  const count = Math.max(1, Math.ceil(vectors.length / perPiece));
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  const item = (vector: readonly number[], index: number): string =>
    JSON.stringify({ object: "embedding", index, embedding: base64 ? toBase64(vector) : vector });
  return Array.from({ length: count }, (_, piece) => () => {
    const from = piece * perPiece;
    const items = vectors.slice(from, from + perPiece).map((vector, i) => item(vector, from + i));
    const head = piece === 0 ? '{"object":"list","data":[' : ",";
    const tail = piece === count - 1 ? `],${JSON.stringify({ model, usage }).slice(1)}` : "";
    return head + items.join(",") + tail;
  });
}

async function* oneEachTurn(pieces: readonly (() => string)[]): AsyncGenerator<string> {
  for (const piece of pieces) {
    yield piece();
    await nextTurn();
  }
}

/** As OpenAI's clients expect: little-endian 32-bit floats. */
function toBase64(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString("base64");
}
