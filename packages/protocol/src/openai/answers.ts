// Owns the answers of OpenAI's dialect. The schemas are only for the documents, and leave out many optional fields of OpenAI. The shapes follow OpenAI's
// API reference.
import { nullish, optional, z } from "zod";
import { FunctionCallSchema, ToolCallSchema } from "../fields/tools.ts";

const UsageFieldsSchema = z
  .object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.object({
      cached_tokens: z.int(),
      differs_at: optional(z.string()).describe(
        "An addition to OpenAI's fields: start of the prompt's text that was not in the cache.",
      ),
    }),
  })
  .meta({ id: "OpenAiUsage" });
export type OpenAiUsage = z.infer<typeof UsageFieldsSchema>;

/** Names and meanings after llama-server's README (return_progress). */
export const PromptProgressReportSchema = z.object({
  total: z.int().describe("Number of prompt tokens."),
  cache: z.int().describe("Number of prompt tokens that were in the KV cache from the start."),
  processed: z.int().describe("Number of prompt tokens in the KV cache now, including the tokens counted in cache."),
  time_ms: z.number().describe("Milliseconds since the job got its slot."),
});
export type PromptProgressReport = z.infer<typeof PromptProgressReportSchema>;

const logprobShape = { token: z.string(), logprob: z.number(), bytes: z.array(z.int()) };

export const ChatLogprobsSchema = z.object({
  content: z.array(z.object({ ...logprobShape, top_logprobs: z.array(z.object(logprobShape)) })),
  refusal: z.null(),
});
export type ChatLogprobs = z.infer<typeof ChatLogprobsSchema>;

/** Logprobs of a text completion's tokens, as lists of the same length. */
const CompletionLogprobsSchema = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  text_offset: z.array(z.int()),
});
export type CompletionLogprobs = z.infer<typeof CompletionLogprobsSchema>;

const ChatFinishReasonSchema = z.enum(["stop", "length", "tool_calls", "function_call"]);
export type ChatFinishReason = z.infer<typeof ChatFinishReasonSchema>;

const headShape = {
  id: z.string(),
  created: z.int().describe("Creation time, in seconds since 1970."),
  model: z.string(),
  system_fingerprint: z.string(),
  timings: optional(z.record(z.string(), z.number())).describe(
    "A field of llama-server's API, in addition to OpenAI's fields.",
  ),
};

export const ChatCompletionSchema = z
  .object({
    ...headShape,
    object: z.literal("chat.completion"),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal("assistant"),
          content: z.string().nullable(),
          refusal: z.null(),
          reasoning_content: optional(z.string()),
          reasoning: optional(z.string()).describe("Replaces reasoning_content, for clients that know only this name."),
          tool_calls: optional(z.array(ToolCallSchema)),
          function_call: optional(FunctionCallSchema).describe("Replaces tool_calls if the request has functions."),
        }),
        logprobs: ChatLogprobsSchema.nullable(),
        finish_reason: ChatFinishReasonSchema,
      }),
    ),
    usage: UsageFieldsSchema,
  })
  .meta({ id: "ChatCompletion" });
export type ChatCompletion = z.infer<typeof ChatCompletionSchema>;

/** A piece of a call. Only the first piece has the name. */
const CallDeltaSchema = z.object({ name: optional(z.string()), arguments: z.string() });

export const ChatCompletionChunkSchema = z
  .object({
    ...headShape,
    object: z.literal("chat.completion.chunk"),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({
          role: optional(z.literal("assistant")),
          content: nullish(z.string()),
          reasoning_content: optional(z.string()),
          reasoning: optional(z.string()),
          tool_calls: optional(
            z.array(
              z.object({
                index: z.int(),
                id: optional(z.string()),
                type: optional(z.literal("function")),
                function: CallDeltaSchema,
              }),
            ),
          ),
          function_call: optional(CallDeltaSchema),
        }),
        logprobs: nullish(ChatLogprobsSchema),
        finish_reason: ChatFinishReasonSchema.nullable(),
      }),
    ),
    usage: nullish(UsageFieldsSchema),
    prompt_progress: optional(PromptProgressReportSchema).describe(
      "A field of llama-server's API: sent before the first token if return_progress is set.",
    ),
  })
  .meta({ id: "ChatCompletionChunk" });
export type ChatCompletionChunk = z.infer<typeof ChatCompletionChunkSchema>;

export const CompletionSchema = z
  .object({
    ...headShape,
    object: z.literal("text_completion"),
    choices: z.array(
      z.object({
        index: z.int(),
        text: z.string(),
        logprobs: CompletionLogprobsSchema.nullable(),
        finish_reason: z.enum(["stop", "length"]).nullable(),
      }),
    ),
    usage: nullish(UsageFieldsSchema),
    prompt_progress: optional(PromptProgressReportSchema).describe(
      "A field of llama-server's API: sent before the first token if return_progress is set.",
    ),
  })
  .meta({ id: "Completion" });
export type TextCompletion = z.infer<typeof CompletionSchema>;

export const EmbeddingsSchema = z
  .object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        object: z.literal("embedding"),
        index: z.int(),
        embedding: z.union([z.array(z.number()), z.string().describe("Base64 of little-endian 32-bit floats.")]),
      }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .meta({ id: "Embeddings" });

/** The answer of llama-server's `/embedding`. */
export const EmbeddingListSchema = z
  .array(z.object({ index: z.int(), embedding: z.array(z.array(z.number())) }))
  .meta({ id: "EmbeddingList" });

export const OpenAiErrorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string(),
      n_prompt_tokens: optional(z.int()),
      n_ctx: optional(z.int()),
    }),
  })
  .meta({ id: "OpenAiError" });
export type OpenAiError = z.infer<typeof OpenAiErrorSchema>;
