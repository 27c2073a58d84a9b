// Owns the route table of OpenAI's dialect. All routes are served under `/v1`. As in llama-server, nearly all are also served without `/v1`.
import { ChatCompletionChunkSchema, ChatCompletionSchema, CompletionSchema, EmbeddingsSchema } from "./answers.ts";
import { ModelListSchema, ModelSchema } from "./models.ts";
import { ChatCompletionRequestSchema, CompletionRequestSchema, EmbeddingsRequestSchema } from "./requests.ts";
import { generationHeaders, jobErrors, queryErrors, retryHeader, route } from "../openapi/route-parts.ts";
import { ResponseInputTokensSchema } from "../responses/requests.ts";
import type { Route } from "../openapi/routes.ts";

export const openAiRoutes = {
  models: route("get", "/v1/models", {
    summary: "All models of the worker, loaded or not.",
    response: ModelListSchema,
  }),
  model: route("get", "/v1/models/:id", {
    summary: "One model. The name in the path may contain slashes.",
    response: ModelSchema,
    errors: ["not_found"],
  }),
  chatCompletions: route("post", "/v1/chat/completions", {
    summary: "Answer a conversation. With stream: true, the answer is a stream of chunks, then [DONE].",
    request: ChatCompletionRequestSchema,
    response: ChatCompletionSchema,
    stream: ChatCompletionChunkSchema,
    headers: generationHeaders,
    errors: jobErrors,
  }),
  countChatInput: route("post", "/v1/chat/completions/input_tokens", {
    summary: "Count the prompt tokens of a request to /v1/chat/completions.",
    request: ChatCompletionRequestSchema,
    response: ResponseInputTokensSchema,
    errors: queryErrors,
  }),
  completions: route("post", "/v1/completions", {
    summary: "Continue a text.",
    request: CompletionRequestSchema,
    response: CompletionSchema,
    stream: CompletionSchema,
    headers: generationHeaders,
    errors: jobErrors,
  }),
  embeddings: route("post", "/v1/embeddings", {
    summary: "Compute a vector for each text.",
    request: EmbeddingsRequestSchema,
    response: EmbeddingsSchema,
    headers: retryHeader,
    errors: jobErrors,
  }),
};

/** The paths of a route, with `/v1` and without. `/completions` belongs to llama-server's dialect, which passes OpenAI's requests to this route. */
export function pathsOf({ path }: Pick<Route, "path">): readonly string[] {
  return path === "/v1/completions" ? [path] : [path, path.slice("/v1".length)];
}
