// Owns the route table of OpenAI's dialect. All routes are served under `/v1`. As in llama-server, nearly all are also served without `/v1`.
import { ChatCompletionChunkSchema, ChatCompletionSchema, CompletionSchema, EmbeddingsSchema } from "./answers.ts";
import { ModelListSchema, ModelSchema } from "./models.ts";
import { ChatCompletionRequestSchema, CompletionRequestSchema, EmbeddingsRequestSchema } from "./requests.ts";
import { generationHeaders, jobErrors, queryErrors, retryHeader } from "../openapi/route-parts.ts";
import { ResponseInputTokensSchema } from "../responses/requests.ts";
import type { Route } from "../openapi/routes.ts";

export const openAiRoutes = {
  models: {
    method: "get",
    path: "/v1/models",
    summary: "All models of the worker, loaded or not.",
    response: ModelListSchema,
  },
  model: {
    method: "get",
    path: "/v1/models/:id",
    summary: "One model. The name in the path may contain slashes.",
    response: ModelSchema,
    errors: ["not_found"],
  },
  chatCompletions: {
    method: "post",
    path: "/v1/chat/completions",
    summary: "Answer a conversation. With stream: true, the answer is a stream of chunks, then [DONE].",
    request: ChatCompletionRequestSchema,
    response: ChatCompletionSchema,
    stream: ChatCompletionChunkSchema,
    headers: generationHeaders,
    errors: jobErrors,
  },
  countChatInput: {
    method: "post",
    path: "/v1/chat/completions/input_tokens",
    summary: "Count the prompt tokens of a request to /v1/chat/completions.",
    request: ChatCompletionRequestSchema,
    response: ResponseInputTokensSchema,
    errors: queryErrors,
  },
  completions: {
    method: "post",
    path: "/v1/completions",
    summary: "Continue a text.",
    request: CompletionRequestSchema,
    response: CompletionSchema,
    stream: CompletionSchema,
    headers: generationHeaders,
    errors: jobErrors,
  },
  embeddings: {
    method: "post",
    path: "/v1/embeddings",
    summary: "Compute a vector for each text.",
    request: EmbeddingsRequestSchema,
    response: EmbeddingsSchema,
    headers: retryHeader,
    errors: jobErrors,
  },
} as const satisfies Record<string, Route>;

/** The paths of a route, with `/v1` and without. `/completions` belongs to llama-server's dialect, which passes OpenAI's requests to this route. */
export function pathsOf({ path }: Pick<Route, "path">): readonly string[] {
  return path === "/v1/completions" ? [path] : [path, path.slice("/v1".length)];
}
