// Owns llama-server's embedding route, whose answer is a bare list.
import { EmbeddingRequestSchema } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import { collectedJobOf } from "../../generation/base-job-spec.ts";
import type { Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { respondWithVectors, vectorPieces } from "../../generation/vectors.ts";
import type { AppOptions } from "../../server/context.ts";
import { textsOf } from "../openai/embeddings.ts";

export function embeddingRoute({ models }: AppOptions, generations: Generations): Handler {
  return async (c) => {
    const { model, content } = await readBody(c, EmbeddingRequestSchema);
    const { job } = await generations.complete(c, {
      ...collectedJobOf(c, models.find(model)),
      work: { kind: "embed", texts: textsOf(content) },
    });
    // The inner list is for models without pooling, which have a vector for each token.
    const item = (vector: readonly number[], index: number): string => JSON.stringify({ index, embedding: [vector] });
    return respondWithVectors(c, vectorPieces({ vectors: job.vectors, head: "[", tail: "]", item }));
  };
}
