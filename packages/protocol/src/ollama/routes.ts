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
import { generationHeaders, jobErrors, retryHeader } from "../openapi/route-parts.ts";
import type { Route } from "../openapi/routes.ts";

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
  ollamaVersion: {
    method: "get",
    path: "/api/version",
    summary: "The version of Ollama whose API this worker implements.",
    response: OllamaVersionSchema,
  },
  ollamaTags: {
    method: "get",
    path: "/api/tags",
    summary: "All models of the worker. Each name has a tag.",
    response: OllamaTagsSchema,
  },
  ollamaRunning: {
    method: "get",
    path: "/api/ps",
    summary: "The loaded models.",
    response: OllamaRunningSchema,
  },
  ollamaShow: {
    method: "post",
    path: "/api/show",
    summary: "Properties and capabilities of a model.",
    request: OllamaModelRequestSchema,
    response: OllamaShowSchema,
    errors: [...modelErrors, "unavailable"],
  },
  ollamaChat: {
    method: "post",
    path: "/api/chat",
    summary: "Answer a conversation. The answer is a stream unless stream is false.",
    request: OllamaChatRequestSchema,
    response: OllamaChatAnswerSchema,
    stream: OllamaChatAnswerSchema,
    streamType: "application/x-ndjson",
    headers: generationHeaders,
    errors: answerErrors,
  },
  ollamaGenerate: {
    method: "post",
    path: "/api/generate",
    summary:
      "Answer a prompt, continue a raw prompt, or fill the gap before a suffix. The answer is a stream unless stream is false.",
    request: OllamaGenerateRequestSchema,
    response: OllamaGenerateAnswerSchema,
    stream: OllamaGenerateAnswerSchema,
    streamType: "application/x-ndjson",
    headers: generationHeaders,
    errors: answerErrors,
  },
  ollamaEmbed: {
    method: "post",
    path: "/api/embed",
    summary: "Compute a vector for each text.",
    request: OllamaEmbedRequestSchema,
    response: OllamaEmbedAnswerSchema,
    headers: retryHeader,
    errors: submitErrors,
  },
  ollamaEmbeddings: {
    method: "post",
    path: "/api/embeddings",
    summary: "Compute a vector for one text. Older form of /api/embed.",
    request: OllamaEmbeddingsRequestSchema,
    response: OllamaEmbeddingsAnswerSchema,
    headers: retryHeader,
    errors: submitErrors,
  },
  ollamaPull: {
    method: "post",
    path: "/api/pull",
    summary: "Download a model and serve it. Succeeds at once if the worker has the model.",
    request: OllamaPullRequestSchema,
    response: OllamaStatusSchema,
    stream: OllamaStatusSchema,
    streamType: "application/x-ndjson",
    errors: downloadErrors,
  },
  ollamaPush: {
    method: "post",
    path: "/api/push",
    summary: "Rejected: workers publish no models.",
    request: OllamaModelRequestSchema,
    errors: changeErrors,
  },
  ollamaCreate: {
    method: "post",
    path: "/api/create",
    summary: "Rejected: workers create no models.",
    request: OllamaModelRequestSchema,
    errors: changeErrors,
  },
  ollamaCopy: {
    method: "post",
    path: "/api/copy",
    summary: "Add a name for a model.",
    request: OllamaCopyRequestSchema,
    errors: [...modelErrors, "forbidden", "conflict", "resource_exhausted"],
  },
  ollamaDelete: {
    method: "delete",
    path: "/api/delete",
    summary: "Delete a downloaded model; other models are rejected. For a copied name, only the name is removed.",
    request: OllamaModelRequestSchema,
    errors: [...modelErrors, "forbidden", "conflict"],
  },
  ollamaBlob: {
    method: "post",
    path: "/api/blobs/:id",
    summary: "Rejected: workers accept no file uploads.",
    status: 201,
    errors: ["unimplemented"],
  },
} as const satisfies Record<string, Route>;
