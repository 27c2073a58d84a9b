// Owns the answers of Ollama's API. The shapes follow Ollama's API reference. No answer has a null, a key `type`, or a key `error` next to other keys,
// since Ollama's clients misread such answers.
import { optional, z } from "zod";

const nanoseconds = z.int().nonnegative();

/** `done`, and the fields that are present only in an answer with `done: true`. */
const doneShape = {
  done: z.boolean(),
  done_reason: optional(z.enum(["stop", "length", "load", "unload"])),
  total_duration: optional(nanoseconds).describe(
    "Duration of the request in nanoseconds; all durations are in nanoseconds.",
  ),
  load_duration: optional(nanoseconds).describe("Time until the model was loaded and the job got a slot."),
  prompt_eval_count: optional(z.int().nonnegative()).describe("Prompt tokens, including cached ones."),
  prompt_eval_duration: optional(nanoseconds),
  eval_count: optional(z.int().nonnegative()),
  eval_duration: optional(nanoseconds),
};

const logprobShape = { token: z.string(), logprob: z.number(), bytes: z.array(z.int().min(0).max(255)) };
const LogprobSchema = z.object({ ...logprobShape, top_logprobs: z.array(z.object(logprobShape)) });

const headShape = { model: z.string().describe("The model's name as in the request."), created_at: z.iso.datetime() };

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
  .describe("All calls of the answer, each with its index.");

export const OllamaChatAnswerSchema = z
  .object({
    ...headShape,
    message: z.object({
      role: z.literal("assistant"),
      content: z.string(),
      thinking: optional(z.string()),
      tool_calls: optional(ToolCallsSchema),
    }),
    logprobs: optional(z.array(LogprobSchema)),
    ...doneShape,
  })
  .meta({ id: "OllamaChatAnswer" });
export type OllamaChatAnswer = z.infer<typeof OllamaChatAnswerSchema>;

export const OllamaGenerateAnswerSchema = z
  .object({
    ...headShape,
    response: z.string(),
    thinking: optional(z.string()),
    tool_calls: optional(ToolCallsSchema),
    context: optional(z.array(z.int().nonnegative())).describe(
      "The conversation so far, encoded as numbers, to send with the next request. The numbers are not tokens.",
    ),
    logprobs: optional(z.array(LogprobSchema)),
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
  .object({
    embedding: z.array(z.number()).describe("The vector, normalized to length 1. Ollama does not normalize here."),
  })
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
    .describe("SHA-256 of the model's file; until the hash is computed, a hash of the model's known properties."),
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
        expires_at: z
          .string()
          .describe("Time at which the model is unloaded; far in the future for a model that is never unloaded."),
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
    parameters: z.string().describe("One line per parameter: the name, then the value."),
    template: z
      .string()
      .describe(
        "A placeholder that shows which parts of a request the model supports, instead of the real chat template.",
      ),
    details: DetailsSchema,
    model_info: z.record(z.string(), z.union([z.string(), z.number()])),
    capabilities: z.array(z.string()),
    modified_at: z.iso.datetime(),
  })
  .meta({ id: "OllamaShow" });
export type OllamaShow = z.infer<typeof OllamaShowSchema>;

export const OllamaVersionSchema = z.object({ version: z.string() }).meta({ id: "OllamaVersion" });

export const OllamaStatusSchema = z.object({ status: z.string() }).meta({ id: "OllamaStatus" });

/** The body of an error response, and the last line of a failed stream. */
export const OllamaErrorSchema = z.object({ error: z.string() }).meta({ id: "OllamaError" });
export type OllamaError = z.infer<typeof OllamaErrorSchema>;
