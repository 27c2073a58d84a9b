// Owns the dialect of the routes that only llama-server has. `pnpm test dialects/llama-server` runs its contract too.
import { EmbeddingRequestSchema, llamaServerPathsOf, llamaServerRoutes } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import type { AppOptions } from "../../server/context.ts";
import { collectedJobOf } from "../../generation/base-job-spec.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Dialect, Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { respondWithVectors, vectorPieces } from "../../generation/vectors.ts";
import { textsOf } from "../openai/embeddings.ts";
import { createCompletionRoutes } from "./completions.ts";
import { llamaServerError } from "./errors.ts";
import { createServerRoutes } from "./server-routes.ts";
import { createTokenRoutes } from "./token-routes.ts";

/** `/v1/health` uses the native dialect's handler, and completions in OpenAI's format use the OpenAI dialect's handler. */
export function createLlamaServerDialect(
  options: AppOptions,
  generations: Generations,
  native: Dialect,
  openAi: Dialect,
): Dialect {
  const openAiCompletion = handlerOf(openAi, "POST", "/v1/completions");
  const handlers = {
    ...createCompletionRoutes(options, generations, async (c) => {
      c.set("dialect", openAi);
      return await openAiCompletion(c);
    }),
    embedding: embeddingRoute(options, generations),
    ...createTokenRoutes(options),
    ...createServerRoutes(options),
    llamaServerHealth: handlerOf(native, "GET", "/health"),
  };
  return {
    name: "llama-server",
    routes: routesOf(llamaServerRoutes, handlers, llamaServerPathsOf),
    prefixes: [],
    errorBody: llamaServerError,
  };
}

/** @throws Error if the dialect has no such route, which is a defect in Waggle */
function handlerOf({ name, routes }: Dialect, method: string, path: string): Handler {
  const route = routes.find((candidate) => candidate.method === method && candidate.paths.includes(path));
  if (route === undefined) throw new Error(`The dialect ${name} has no route ${method} ${path}`);
  return route.handler;
}

/** The answer is a bare list. */
function embeddingRoute({ models }: AppOptions, generations: Generations): Handler {
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
