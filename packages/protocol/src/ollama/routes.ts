// Owns the route table of Ollama's API.
import type { ErrorCode } from "../errors.ts";
import {
  OllamaChatRequestSchema,
  OllamaCopyRequestSchema,
  OllamaEmbedRequestSchema,
  OllamaEmbeddingsRequestSchema,
  OllamaGenerateRequestSchema,
  OllamaModelRequestSchema,
  OllamaPullRequestSchema,
} from "./requests.ts";
import {
  OllamaChatAnswerSchema,
  OllamaEmbedAnswerSchema,
  OllamaEmbeddingsAnswerSchema,
  OllamaGenerateAnswerSchema,
  OllamaRunningSchema,
  OllamaShowSchema,
  OllamaStatusSchema,
  OllamaTagsSchema,
  OllamaVersionSchema,
} from "./answers.ts";
import { generationHeaders, jobErrors, retryHeader, route } from "../openapi/route-parts.ts";

const modelErrors = ["invalid_argument", "not_found", "payload_too_large"] as const satisfies readonly ErrorCode[];
const changeErrors = [...modelErrors, "unimplemented"] as const satisfies readonly ErrorCode[];
const downloadErrors = [
  ...modelErrors,
  "forbidden",
  "conflict",
  "resource_exhausted",
  "unavailable",
] as const satisfies readonly ErrorCode[];
const submitErrors = [...jobErrors, "not_found"] as const satisfies readonly ErrorCode[];
const answerErrors = [...submitErrors, "forbidden", "unimplemented"] as const satisfies readonly ErrorCode[];

export const ollamaRoutes = {
  ollamaVersion: route("get", "/api/version", {
    summary: "The version of Ollama whose API this worker implements.",
    response: OllamaVersionSchema,
  }),
  ollamaTags: route("get", "/api/tags", {
    summary: "All models of the worker. Each name has a tag.",
    response: OllamaTagsSchema,
  }),
  ollamaRunning: route("get", "/api/ps", { summary: "The loaded models.", response: OllamaRunningSchema }),
  ollamaShow: route("post", "/api/show", {
    summary: "Properties and capabilities of a model.",
    request: OllamaModelRequestSchema,
    response: OllamaShowSchema,
    errors: [...modelErrors, "unavailable"],
  }),
  ollamaChat: route("post", "/api/chat", {
    summary: "Answer a conversation. The answer is a stream unless stream is false.",
    request: OllamaChatRequestSchema,
    response: OllamaChatAnswerSchema,
    stream: OllamaChatAnswerSchema,
    streamType: "application/x-ndjson",
    headers: generationHeaders,
    errors: answerErrors,
  }),
  ollamaGenerate: route("post", "/api/generate", {
    summary:
      "Answer a prompt, continue a raw prompt, or fill the gap before a suffix. The answer is a stream unless stream is false.",
    request: OllamaGenerateRequestSchema,
    response: OllamaGenerateAnswerSchema,
    stream: OllamaGenerateAnswerSchema,
    streamType: "application/x-ndjson",
    headers: generationHeaders,
    errors: answerErrors,
  }),
  ollamaEmbed: route("post", "/api/embed", {
    summary: "Compute a vector for each text.",
    request: OllamaEmbedRequestSchema,
    response: OllamaEmbedAnswerSchema,
    headers: retryHeader,
    errors: submitErrors,
  }),
  ollamaEmbeddings: route("post", "/api/embeddings", {
    summary: "Compute a vector for one text. Older form of /api/embed.",
    request: OllamaEmbeddingsRequestSchema,
    response: OllamaEmbeddingsAnswerSchema,
    headers: retryHeader,
    errors: submitErrors,
  }),
  ollamaPull: route("post", "/api/pull", {
    summary: "Download a model and serve it. Succeeds at once if the worker has the model.",
    request: OllamaPullRequestSchema,
    response: OllamaStatusSchema,
    stream: OllamaStatusSchema,
    streamType: "application/x-ndjson",
    errors: downloadErrors,
  }),
  ollamaPush: route("post", "/api/push", {
    summary: "Rejected: workers publish no models.",
    request: OllamaModelRequestSchema,
    errors: changeErrors,
  }),
  ollamaCreate: route("post", "/api/create", {
    summary: "Rejected: workers create no models.",
    request: OllamaModelRequestSchema,
    errors: changeErrors,
  }),
  ollamaCopy: route("post", "/api/copy", {
    summary: "Add a name for a model.",
    request: OllamaCopyRequestSchema,
    errors: [...modelErrors, "forbidden", "conflict", "resource_exhausted"],
  }),
  ollamaDelete: route("delete", "/api/delete", {
    summary: "Delete a downloaded model; other models are rejected. For a copied name, only the name is removed.",
    request: OllamaModelRequestSchema,
    errors: [...modelErrors, "forbidden", "conflict"],
  }),
  ollamaBlob: route("post", "/api/blobs/:id", {
    summary: "Rejected: workers accept no file uploads.",
    status: 201,
    errors: ["unimplemented"],
  }),
};
