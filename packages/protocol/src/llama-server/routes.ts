// Owns the table of the routes that only llama-server has.
import {
  ApplyTemplateRequestSchema,
  DetokenizeRequestSchema,
  DetokenizedSchema,
  RenderedSchema,
  TokenizeRequestSchema,
  TokenizedSchema,
} from "./tokens.ts";
import {
  InfillRequestSchema,
  LlamaServerChunkSchema,
  LlamaServerCompletionRequestSchema,
  LlamaServerCompletionSchema,
  LlamaServerSlotsSchema,
  LoraAdaptersSchema,
  PropsSchema,
} from "./requests.ts";
import { EmbeddingListSchema } from "../openai/answers.ts";
import { EmbeddingRequestSchema } from "../openai/requests.ts";
import { generationHeaders, jobErrors, queryErrors, retryHeader } from "../openapi/route-parts.ts";
import type { Route } from "../openapi/routes.ts";
import { HealthSchema } from "../native/worker.ts";

const completion = {
  method: "post",
  request: LlamaServerCompletionRequestSchema,
  response: LlamaServerCompletionSchema,
  stream: LlamaServerChunkSchema,
  headers: generationHeaders,
  errors: jobErrors,
} as const;

export const llamaServerRoutes = {
  textCompletion: {
    ...completion,
    path: "/completion",
    summary: "Continue a text. With several prompts or choices, the response is a list of answers.",
  },
  eitherCompletion: {
    ...completion,
    path: "/completions",
    summary: "The same as /completion if the body has n_predict, else as /v1/completions.",
  },
  infill: {
    method: "post",
    path: "/infill",
    summary: "Fill a gap in code. Needs a model with infill: true in /v1/info.",
    request: InfillRequestSchema,
    response: LlamaServerCompletionSchema,
    stream: LlamaServerChunkSchema,
    headers: generationHeaders,
    errors: [...jobErrors, "unimplemented"],
  },
  embedding: {
    method: "post",
    path: "/embedding",
    summary: "The vectors of texts or tokens, as a bare list.",
    request: EmbeddingRequestSchema,
    response: EmbeddingListSchema,
    headers: retryHeader,
    errors: jobErrors,
  },
  props: {
    method: "get",
    path: "/props",
    summary: "The model's properties and settings.",
    response: PropsSchema,
    errors: ["unavailable"],
  },
  setProps: {
    method: "post",
    path: "/props",
    summary: "Rejected: settings cannot change while the worker runs.",
    errors: ["unimplemented"],
  },
  loraAdapters: {
    method: "get",
    path: "/lora-adapters",
    summary: "The model's LoRA adapters, with their default scales.",
    response: LoraAdaptersSchema,
    errors: ["unavailable"],
  },
  setLoraAdapters: {
    method: "post",
    path: "/lora-adapters",
    summary: "Rejected: requests select adapters with the field lora.",
    errors: ["unimplemented"],
  },
  slotList: {
    method: "get",
    path: "/slots",
    summary: "The slots, without prompts and answers.",
    response: LlamaServerSlotsSchema,
    query: { fail_on_no_slot: "1: answer 503 if no slot is idle." },
    errors: ["unavailable"],
  },
  slotAction: {
    method: "post",
    path: "/slots/:id",
    summary: "Rejected: the worker saves and restores slots automatically.",
    query: { action: "save, restore or erase." },
    errors: ["unimplemented"],
  },
  llamaServerHealth: {
    method: "get",
    path: "/v1/health",
    summary: "The same as /health.",
    open: true,
    response: HealthSchema,
  },
  tokenize: {
    method: "post",
    path: "/tokenize",
    summary: "Convert text to tokens.",
    request: TokenizeRequestSchema,
    response: TokenizedSchema,
    errors: queryErrors,
  },
  detokenize: {
    method: "post",
    path: "/detokenize",
    summary: "Convert tokens to text.",
    request: DetokenizeRequestSchema,
    response: DetokenizedSchema,
    errors: queryErrors,
  },
  applyTemplate: {
    method: "post",
    path: "/apply-template",
    summary: "Render a conversation as the text of the prompt.",
    request: ApplyTemplateRequestSchema,
    response: RenderedSchema,
    errors: queryErrors,
  },
} as const satisfies Record<string, Route>;

/** The paths of a route. The routes about tokens and texts are also served under `/v1`. */
export function llamaServerPathsOf({ path }: Pick<Route, "path">): readonly string[] {
  return ["/tokenize", "/detokenize", "/apply-template"].includes(path) ? [path, `/v1${path}`] : [path];
}
