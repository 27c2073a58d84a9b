// Owns the embeddings route: a vector for each text, as numbers or as base64.
import { EmbeddingsRequestSchema } from "@waggle/protocol";
import { readBody } from "../../body.ts";
import type { AppOptions } from "../../context.ts";
import type { Handler } from "../../dialect.ts";
import { unsupported } from "../../fields.ts";
import type { Generations } from "../../generations.ts";

export function embeddingsRoute({ limits, view }: AppOptions, generations: Generations): Handler {
  return async (c) => {
    const body = await readBody(c, EmbeddingsRequestSchema, limits.maxBodyBytes);
    if (body.dimensions != null) throw unsupported("dimensions", "the model's own width is the only one");
    const { job, end } = await generations.complete(c, {
      kind: "embed",
      scope: { client: c.get("client"), trace: c.get("requestId") },
      priority: 0,
      deadlineMs: limits.collectTimeoutMs,
      onDisconnect: "cancel",
      direct: true,
      texts: typeof body.input === "string" ? [body.input] : body.input,
    });
    const encode = body.encoding_format === "base64" ? toBase64 : (vector: readonly number[]) => vector;
    return c.json({
      object: "list",
      data: job.vectors.map((vector, index) => ({ object: "embedding", index, embedding: encode(vector) })),
      model: view.info().model,
      usage: { prompt_tokens: end.usage.prompt_tokens, total_tokens: end.usage.prompt_tokens },
    });
  };
}

/** As OpenAI's clients expect: little-endian 32-bit floats. */
function toBase64(vector: readonly number[]): string {
  return Buffer.from(Float32Array.from(vector).buffer).toString("base64");
}
