// Owns the answers of Ollama's API, for the documents. Shapes after Ollama's API reference. No answer ever has a null, a key `type`, or a key
// `error` next to other keys: Ollama's clients would misread the answer.
import { z } from "zod";

const nanoseconds = z.int().nonnegative();

/** Fields that are present only if `done` is true. */
const doneShape = {
  done: z.boolean(),
  done_reason: z.enum(["stop", "length", "load", "unload"]).optional(),
  total_duration: nanoseconds.optional().describe("Nanoseconds, as all durations."),
  load_duration: nanoseconds.optional().describe("Nanoseconds until a slot of the loaded model was free."),
  prompt_eval_count: z
    .int()
    .nonnegative()
    .optional()
    .describe("Tokens of the prompt, including those found in the cache."),
  prompt_eval_duration: nanoseconds.optional(),
  eval_count: z.int().nonnegative().optional(),
  eval_duration: nanoseconds.optional(),
};

const logprobShape = { token: z.string(), logprob: z.number(), bytes: z.array(z.int().min(0).max(255)) };
const LogprobSchema = z.object({ ...logprobShape, top_logprobs: z.array(z.object(logprobShape)) });

const headShape = { model: z.string().describe("As the request has it."), created_at: z.iso.datetime() };

const ToolCallsSchema = z
  .array(
    z.object({
      id: z.string(),
      function: z.object({
        index: z.int().nonnegative(),
        name: z.string(),
        arguments: z.record(z.string(), z.unknown()),
      }),
    }),
  )
  .describe("All calls of an answer, each with its index.");

export const OllamaChatAnswerSchema = z
  .object({
    ...headShape,
    message: z.object({
      role: z.literal("assistant"),
      content: z.string(),
      thinking: z.string().optional(),
      tool_calls: ToolCallsSchema.optional(),
    }),
    logprobs: z.array(LogprobSchema).optional(),
    ...doneShape,
  })
  .meta({ id: "OllamaChatAnswer" });
export type OllamaChatAnswer = z.infer<typeof OllamaChatAnswerSchema>;

export const OllamaGenerateAnswerSchema = z
  .object({
    ...headShape,
    response: z.string(),
    thinking: z.string().optional(),
    tool_calls: ToolCallsSchema.optional(),
    context: z
      .array(z.int().nonnegative())
      .optional()
      .describe("The conversation so far, to send with the next request. The numbers are not tokens."),
    logprobs: z.array(LogprobSchema).optional(),
    ...doneShape,
  })
  .meta({ id: "OllamaGenerateAnswer" });
export type OllamaGenerateAnswer = z.infer<typeof OllamaGenerateAnswerSchema>;

export const OllamaEmbedAnswerSchema = z
  .object({
    model: z.string(),
    embeddings: z.array(z.array(z.number())).describe("Vectors, each normalized to length 1."),
    total_duration: nanoseconds,
    load_duration: nanoseconds,
    prompt_eval_count: z.int().nonnegative(),
  })
  .meta({ id: "OllamaEmbedAnswer" });

export const OllamaEmbeddingsAnswerSchema = z
  .object({ embedding: z.array(z.number()).describe("Normalized to length 1, unlike in Ollama.") })
  .meta({ id: "OllamaEmbeddingsAnswer" });

const DetailsSchema = z.object({
  parent_model: z.string(),
  format: z.string(),
  family: z.string(),
  families: z.array(z.string()),
  parameter_size: z.string(),
  quantization_level: z.string(),
});

const listedShape = {
  name: z.string(),
  model: z.string(),
  size: z.int().nonnegative(),
  digest: z
    .string()
    .describe("SHA-256 of the model's file; until that is computed, a hash of what is known about the model."),
  details: DetailsSchema,
};

export const OllamaTagsSchema = z
  .object({ models: z.array(z.object({ ...listedShape, modified_at: z.iso.datetime() })) })
  .meta({ id: "OllamaTags" });
export type OllamaTags = z.infer<typeof OllamaTagsSchema>;

export const OllamaRunningSchema = z
  .object({
    models: z.array(
      z.object({
        ...listedShape,
        expires_at: z.string().describe("Far in the future for a model that stays as long as the worker."),
        size_vram: z.int().nonnegative(),
        context_length: z.int().nonnegative(),
      }),
    ),
  })
  .meta({ id: "OllamaRunning" });
export type OllamaRunning = z.infer<typeof OllamaRunningSchema>;

export const OllamaShowSchema = z
  .object({
    license: z.string(),
    modelfile: z.string(),
    parameters: z.string().describe("One line per parameter: its name, then its value."),
    template: z
      .string()
      .describe("A placeholder that shows which parts of a request the model reads; not the real chat template."),
    details: DetailsSchema,
    model_info: z.record(z.string(), z.union([z.string(), z.number()])),
    capabilities: z.array(z.string()),
    modified_at: z.iso.datetime(),
  })
  .meta({ id: "OllamaShow" });
export type OllamaShow = z.infer<typeof OllamaShowSchema>;

export const OllamaVersionSchema = z.object({ version: z.string() }).meta({ id: "OllamaVersion" });

export const OllamaStatusSchema = z.object({ status: z.string() }).meta({ id: "OllamaStatus" });

/** The body of an error on these routes; also the last line of a stream that fails. */
export const OllamaErrorSchema = z.object({ error: z.string() }).meta({ id: "OllamaError" });
