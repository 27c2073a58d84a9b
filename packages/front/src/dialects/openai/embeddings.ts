// Owns the embeddings route: a vector for each text, as numbers or base64.
import type { EmbedWork } from "@waggle/engine";
import { EmbeddingsRequestSchema } from "@waggle/protocol";
import type { EmbeddingsRequest } from "@waggle/protocol";
import { readOpenAiBody } from "../../body/ignored-fields.ts";
import type { AppOptions } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { respondWithVectors, vectorPieces } from "../../generation/vectors.ts";
import { collectedJobOf } from "../../generation/base-job-spec.ts";

export interface Embedded {
  readonly vectors: readonly (readonly number[])[];
  readonly tokens: number;
}

export function embeddingsRoute({ models }: AppOptions, generations: Generations): Handler {
  return async (c) => {
    const body = await readOpenAiBody(c, EmbeddingsRequestSchema);
    const served = models.find(body.model);
    const { job, end } = await generations.complete(c, {
      ...collectedJobOf(c, served, body.keep_alive),
      work: { kind: "embed", texts: textsOf(body.input), dimensions: body.dimensions ?? undefined },
    });
    const embedded = { vectors: job.vectors, tokens: end.usage.prompt_tokens };
    return respondWithVectors(c, embeddingsJson(embedded, served.name, body.encoding_format === "base64"));
  };
}

export function textsOf(input: EmbeddingsRequest["input"]): EmbedWork["texts"] {
  if (typeof input === "string") return [input];
  return isTokens(input) ? [input] : input;
}

function isTokens(input: Exclude<EmbeddingsRequest["input"], string>): input is number[] {
  return typeof input[0] === "number";
}

/** The response's body in pieces. */
export function embeddingsJson({ vectors, tokens }: Embedded, model: string, base64: boolean): (() => string)[] {
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return vectorPieces({
    vectors,
    head: '{"object":"list","data":[',
    tail: `],${JSON.stringify({ model, usage }).slice(1)}`,
    item: (vector, index) =>
      JSON.stringify({ object: "embedding", index, embedding: base64 ? toBase64(vector) : vector }),
  });
}

/** Little-endian 32-bit floats, as OpenAI's clients expect. */
function toBase64(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString("base64");
}
