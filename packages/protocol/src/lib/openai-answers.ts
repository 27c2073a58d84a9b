// Owns what the other dialect answers: for the documents, and loose where OpenAI's own shape has many optional corners. Shapes after OpenAI's
// API reference.
import { z } from "zod";
import { FunctionCallSchema, ToolCallSchema } from "./tools.ts";

const UsageFieldsSchema = z
  .object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.object({
      cached_tokens: z.int(),
      differs_at: z.string().optional().describe("Not OpenAI's: the first text of the prompt that was in no cache."),
    }),
  })
  .meta({ id: "OpenAiUsage" });

const headShape = {
  id: z.string(),
  created: z.int().describe("Seconds since 1970."),
  model: z.string(),
  system_fingerprint: z.string(),
  timings: z.record(z.string(), z.number()).optional().describe("Not OpenAI's: llama-server's names."),
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
          reasoning_content: z.string().optional(),
          reasoning: z.string().optional().describe("In its place, for clients that know no other name."),
          tool_calls: z.array(ToolCallSchema).optional(),
          function_call: FunctionCallSchema.optional().describe("In its place, where functions were sent."),
        }),
        logprobs: z.record(z.string(), z.unknown()).nullable(),
        finish_reason: z.enum(["stop", "length", "tool_calls", "function_call"]),
      }),
    ),
    usage: UsageFieldsSchema,
  })
  .meta({ id: "ChatCompletion" });

export const ChatCompletionChunkSchema = z
  .object({
    ...headShape,
    object: z.literal("chat.completion.chunk"),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.record(z.string(), z.unknown()),
        logprobs: z.record(z.string(), z.unknown()).nullish(),
        finish_reason: z.enum(["stop", "length", "tool_calls", "function_call"]).nullable(),
      }),
    ),
    usage: UsageFieldsSchema.nullish(),
    prompt_progress: z
      .object({ total: z.int(), cache: z.int(), processed: z.int(), time_ms: z.number() })
      .optional()
      .describe("llama-server's, where return_progress asks for it: before the first token."),
  })
  .meta({ id: "ChatCompletionChunk" });

export const CompletionSchema = z
  .object({
    ...headShape,
    object: z.literal("text_completion"),
    choices: z.array(
      z.object({
        index: z.int(),
        text: z.string(),
        logprobs: z.record(z.string(), z.unknown()).nullable(),
        finish_reason: z.enum(["stop", "length"]).nullable(),
      }),
    ),
    usage: UsageFieldsSchema.nullish(),
  })
  .meta({ id: "Completion" });

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
