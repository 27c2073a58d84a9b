// Owns Ollama's two embedding routes. The vectors of both routes have length 1; Ollama itself normalizes only the vectors of /api/embed.
import { OllamaEmbedRequestSchema, OllamaEmbeddingsRequestSchema } from "@waggle/protocol";
import type { EmbedWork } from "@waggle/engine";
import type { EndEvent, OllamaEmbedRequest } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import type { AppContext, AppOptions, ServedModel } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { respondWithVectors, vectorPieces } from "../../generation/vectors.ts";
import type { Vector } from "../../generation/vectors.ts";
import { nanoseconds } from "./answer.ts";
import { loaded } from "./loaded.ts";
import { askedModel } from "./model-name.ts";
import { collectedJobOf } from "../../generation/base-job-spec.ts";

/** Tokens; above any model's maximum length, so that texts are cut at the model's length. */
const modelLength = Number.MAX_SAFE_INTEGER;

export function createEmbedRoutes(
  { control, models }: AppOptions,
  generations: Generations,
): Record<"ollamaEmbed" | "ollamaEmbeddings", Handler> {
  async function embed(
    c: AppContext,
    served: ServedModel,
    keepAlive: OllamaEmbedRequest["keep_alive"],
    texts: Omit<EmbedWork, "kind">,
  ): Promise<{ vectors: readonly Vector[]; end: EndEvent }> {
    const { job, end } = await generations.complete(c, {
      ...collectedJobOf(c, served, keepAlive),
      work: { kind: "embed", ...texts },
    });
    return { vectors: job.vectors, end };
  }

  return {
    async ollamaEmbed(c) {
      const body = await readBody(c, OllamaEmbedRequestSchema);
      const { asked: model, served } = askedModel(body, models);
      const { input, dimensions, truncate, keep_alive: keepAlive } = body;
      const texts = typeof input === "string" ? (input === "" ? [] : [input]) : (input ?? []);
      if (texts.length === 0) {
        await loaded(c, control, served, keepAlive);
        return c.json({ model, embeddings: [], total_duration: 0, load_duration: 0, prompt_eval_count: 0 });
      }
      const { vectors, end } = await embed(c, served, keepAlive, {
        texts,
        truncateTo: truncate === false ? undefined : modelLength,
        dimensions: dimensions ?? undefined,
      });
      const counts = {
        total_duration: nanoseconds(end.timings.total_ms),
        load_duration: nanoseconds(end.timings.queue_ms),
        prompt_eval_count: end.usage.prompt_tokens,
      };
      const pieces = vectorPieces({
        vectors,
        head: `{"model":${JSON.stringify(model)},"embeddings":[`,
        tail: `],${JSON.stringify(counts).slice(1)}`,
        item: (vector) => JSON.stringify(vector),
      });
      return respondWithVectors(c, pieces);
    },
    async ollamaEmbeddings(c) {
      const body = await readBody(c, OllamaEmbeddingsRequestSchema);
      const { served } = askedModel(body, models);
      if (body.prompt == null || body.prompt === "") {
        await loaded(c, control, served, body.keep_alive);
        return c.json({ embedding: [] });
      }
      const { vectors } = await embed(c, served, body.keep_alive, { texts: [body.prompt], truncateTo: modelLength });
      return c.json({ embedding: vectors[0] ?? [] });
    },
  };
}
