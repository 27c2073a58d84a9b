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
import { generationHeaders, jobErrors, queryErrors, retryHeader, route } from "../openapi/route-parts.ts";
import type { Route } from "../openapi/routes.ts";
import { HealthSchema } from "../native/worker.ts";

const completion = {
  request: LlamaServerCompletionRequestSchema,
  response: LlamaServerCompletionSchema,
  stream: LlamaServerChunkSchema,
  headers: generationHeaders,
  errors: jobErrors,
} as const;

export const llamaServerRoutes = {
  textCompletion: route("post", "/completion", {
    ...completion,
    summary: "Continue a text. With several prompts or choices, the response is a list of answers.",
  }),
  eitherCompletion: route("post", "/completions", {
    ...completion,
    summary: "The same as /completion if the body has n_predict, else as /v1/completions.",
  }),
  infill: route("post", "/infill", {
    ...completion,
    summary: "Fill a gap in code. Needs a model with infill: true in /v1/info.",
    request: InfillRequestSchema,
    errors: [...jobErrors, "unimplemented"],
  }),
  embedding: route("post", "/embedding", {
    summary: "The vectors of texts or tokens, as a bare list.",
    request: EmbeddingRequestSchema,
    response: EmbeddingListSchema,
    headers: retryHeader,
    errors: jobErrors,
  }),
  props: route("get", "/props", {
    summary: "The model's properties and settings.",
    response: PropsSchema,
    errors: ["unavailable"],
  }),
  setProps: route("post", "/props", {
    summary: "Rejected: settings cannot change while the worker runs.",
    errors: ["unimplemented"],
  }),
  loraAdapters: route("get", "/lora-adapters", {
    summary: "The model's LoRA adapters, with their default scales.",
    response: LoraAdaptersSchema,
    errors: ["unavailable"],
  }),
  setLoraAdapters: route("post", "/lora-adapters", {
    summary: "Rejected: requests select adapters with the field lora.",
    errors: ["unimplemented"],
  }),
  slotList: route("get", "/slots", {
    summary: "The slots, without prompts and answers.",
    response: LlamaServerSlotsSchema,
    query: { fail_on_no_slot: "1: answer 503 if no slot is idle." },
    errors: ["unavailable"],
  }),
  slotAction: route("post", "/slots/:id", {
    summary: "Rejected: the worker saves and restores slots automatically.",
    query: { action: "save, restore or erase." },
    errors: ["unimplemented"],
  }),
  llamaServerHealth: route("get", "/v1/health", {
    summary: "The same as /health.",
    open: true,
    response: HealthSchema,
  }),
  tokenize: route("post", "/tokenize", {
    summary: "Convert text to tokens.",
    request: TokenizeRequestSchema,
    response: TokenizedSchema,
    errors: queryErrors,
  }),
  detokenize: route("post", "/detokenize", {
    summary: "Convert tokens to text.",
    request: DetokenizeRequestSchema,
    response: DetokenizedSchema,
    errors: queryErrors,
  }),
  applyTemplate: route("post", "/apply-template", {
    summary: "Render a conversation as the text of the prompt.",
    request: ApplyTemplateRequestSchema,
    response: RenderedSchema,
    errors: queryErrors,
  }),
};

/** The paths of a route. The routes about tokens and texts are also served under `/v1`. */
export function llamaServerPathsOf({ path }: Pick<Route, "path">): readonly string[] {
  return ["/tokenize", "/detokenize", "/apply-template"].includes(path) ? [path, `/v1${path}`] : [path];
}
