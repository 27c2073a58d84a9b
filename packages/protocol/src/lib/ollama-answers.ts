// Owns the answers of Ollama's API, for the documents. Shapes after Ollama's API reference. None of them ever has a null, a key `type`, or a key
// `error` beside others: its clients take them for something else.
import { z } from "zod";

const nanoseconds = z.int().nonnegative();

/** Only where `done` is true. */
const doneShape = {
  done: z.boolean(),
  done_reason: z.enum(["stop", "length", "load"]).optional(),
  total_duration: nanoseconds.optional().describe("Of all durations: nanoseconds."),
  load_duration: nanoseconds.optional().describe("Until the model was free for it."),
  prompt_eval_count: z
    .int()
    .nonnegative()
    .optional()
    .describe("Tokens of the prompt, those found in the cache included."),
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
  .describe("All of an answer together, each with an index of its own.");

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

export const OllamaGenerateAnswerSchema = z
  .object({
    ...headShape,
    response: z.string(),
    thinking: z.string().optional(),
    tool_calls: ToolCallsSchema.optional(),
    context: z
      .array(z.int().nonnegative())
      .optional()
      .describe("The conversation so far, for the next request. Not tokens."),
    logprobs: z.array(LogprobSchema).optional(),
    ...doneShape,
  })
  .meta({ id: "OllamaGenerateAnswer" });

export const OllamaEmbedAnswerSchema = z
  .object({
    model: z.string(),
    embeddings: z.array(z.array(z.number())).describe("Of length 1."),
    total_duration: nanoseconds,
    load_duration: nanoseconds,
    prompt_eval_count: z.int().nonnegative(),
  })
  .meta({ id: "OllamaEmbedAnswer" });

export const OllamaEmbeddingsAnswerSchema = z
  .object({ embedding: z.array(z.number()).describe("Of length 1, unlike Ollama's own.") })
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
    .describe("SHA-256 of the model's file; of what is known of the model until that has been computed."),
  details: DetailsSchema,
};

export const OllamaTagsSchema = z
  .object({ models: z.array(z.object({ ...listedShape, modified_at: z.iso.datetime() })) })
  .meta({ id: "OllamaTags" });

export const OllamaRunningSchema = z
  .object({
    models: z.array(
      z.object({
        ...listedShape,
        expires_at: z.string().describe("Far away: the model stays as long as the worker."),
        size_vram: z.int().nonnegative(),
        context_length: z.int().nonnegative(),
      }),
    ),
  })
  .meta({ id: "OllamaRunning" });

export const OllamaShowSchema = z
  .object({
    license: z.string(),
    modelfile: z.string(),
    parameters: z.string().describe("A line for each: its name, then its value."),
    template: z
      .string()
      .describe("Which parts of a request the model reads; not the template that it is prompted with."),
    details: DetailsSchema,
    model_info: z.record(z.string(), z.union([z.string(), z.number()])),
    capabilities: z.array(z.string()),
    modified_at: z.iso.datetime(),
  })
  .meta({ id: "OllamaShow" });

export const OllamaVersionSchema = z.object({ version: z.string() }).meta({ id: "OllamaVersion" });

export const OllamaStatusSchema = z.object({ status: z.string() }).meta({ id: "OllamaStatus" });

/** The body of an error on these routes; also the last line of a stream that does not end well. */
export const OllamaErrorSchema = z.object({ error: z.string() }).meta({ id: "OllamaError" });
