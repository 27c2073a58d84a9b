// Owns the route table of the other dialect. Each route answers under `/v1` and nearly each without it, as llama-server's do.
import {
  ChatCompletionChunkSchema,
  ChatCompletionSchema,
  CompletionSchema,
  EmbeddingsSchema,
} from "./openai-answers.ts";
import { ModelListSchema, ModelSchema } from "./openai-models.ts";
import { ChatCompletionRequestSchema, CompletionRequestSchema, EmbeddingsRequestSchema } from "./openai.ts";
import { generationHeaders, jobErrors, queryErrors, retryHeader } from "./route-parts.ts";
import { ResponseInputTokensSchema } from "./responses.ts";
import type { Route } from "./routes.ts";

export const openAiRoutes = {
  models: {
    method: "get",
    path: "/v1/models",
    summary: "The models that this worker serves, loaded or not.",
    status: 200,
    response: ModelListSchema,
    errors: [],
  },
  model: {
    method: "get",
    path: "/v1/models/:id",
    summary: "A model by its name, which may have slashes.",
    status: 200,
    response: ModelSchema,
    errors: ["not_found"],
  },
  chatCompletions: {
    method: "post",
    path: "/v1/chat/completions",
    summary: "Answer a conversation. With stream: true as chunks, then [DONE]; any model name is served.",
    request: ChatCompletionRequestSchema,
    status: 200,
    response: ChatCompletionSchema,
    stream: ChatCompletionChunkSchema,
    headers: generationHeaders,
    errors: jobErrors,
  },
  countChatInput: {
    method: "post",
    path: "/v1/chat/completions/input_tokens",
    summary: "How many tokens the prompt of such a conversation has.",
    request: ChatCompletionRequestSchema,
    status: 200,
    response: ResponseInputTokensSchema,
    errors: queryErrors,
  },
  completions: {
    method: "post",
    path: "/v1/completions",
    summary: "Continue a text.",
    request: CompletionRequestSchema,
    status: 200,
    response: CompletionSchema,
    stream: CompletionSchema,
    headers: generationHeaders,
    errors: jobErrors,
  },
  embeddings: {
    method: "post",
    path: "/v1/embeddings",
    summary: "A vector for each text.",
    request: EmbeddingsRequestSchema,
    status: 200,
    response: EmbeddingsSchema,
    headers: retryHeader,
    errors: jobErrors,
  },
} as const satisfies Record<string, Route>;

/** The paths of a route: with `/v1` and without. `/completions` is llama-server's, which hands on what is for this route. */
export function pathsOf({ path }: Pick<Route, "path">): readonly string[] {
  return path === "/v1/completions" ? [path] : [path, path.slice("/v1".length)];
}
