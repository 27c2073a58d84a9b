// Owns the requests of Ollama's API. Unknown fields are ignored, as Ollama's clients expect. The shapes follow Ollama's API
// reference (chat, generate, embed, embeddings, show, pull, copy, delete) and its `Options`.
import { nullish, z } from "zod";
import { KeepAliveSchema } from "../fields/keep-alive.ts";
import { thinkingShape } from "../fields/chat-options.ts";
import { requestLimits } from "../fields/limits.ts";
import { ArgumentsSchema, CallIdSchema } from "../fields/parts.ts";
import { PictureSourceSchema } from "../fields/pictures.ts";
import { ModelNameSchema } from "../native/models.ts";
import { samplingShapeOf } from "../fields/sampling.ts";
import { ToolsSchema } from "../fields/tools.ts";
import { count, flag, json, positive } from "../fields/values.ts";

export const ollamaLimits = {
  stopStrings: 16,
  /** Alternatives for each token: maximum of `top_logprobs`. */
  topLogprobs: 20,
  embedInputs: 2_048,
  /** Characters of all inputs of a request together. */
  embedChars: 1_048_576,
  dimensions: 65_536,
  /** Numbers in the `context` field of `/api/generate`, which encodes a conversation. */
  contextNumbers: 200_000,
  statusChars: 64,
  /** Pictures in one message; --max-pictures limits those of a request. */
  images: 1_024,
} as const;

const modelShape = {
  model: nullish(z.string().max(requestLimits.modelChars)),
  name: nullish(z.string().max(requestLimits.modelChars)).describe("The older name of model."),
};
export type OllamaModelFields = z.infer<z.ZodObject<typeof modelShape>>;

const ThinkSchema = z
  .union(
    [z.boolean(), z.enum(["low", "medium", "high", "max"])],
    'must be true, false, "low", "medium", "high" or "max"',
  )
  .describe(
    "Whether or how much the model thinks. Default: true, if the model can think. No effect on raw prompts and infill.",
  );
export type OllamaThink = z.infer<typeof ThinkSchema>;

const FormatSchema = z.union([z.enum(["", "json"]), json], 'must be "json" or a JSON schema');

const StopSchema = z.string().min(1).max(requestLimits.stopChars);

const { repeat_last_n, repeat_penalty, presence_penalty, frequency_penalty, seed, ...filters } =
  samplingShapeOf("ollama");

/** Sampling options. Options about loading (`num_ctx`, `num_gpu`, …) and options that Ollama has retired are ignored. */
const OptionsSchema = z.object({
  ...filters,
  typical_p: nullish(
    z.literal([0, 1], "typical sampling is not supported; only 0 and 1 are accepted, which turn it off"),
  ),
  repeat_last_n,
  repeat_penalty,
  presence_penalty,
  frequency_penalty,
  seed,
  num_predict: nullish(z.int().max(requestLimits.maxTokens)).describe(
    "Maximum number of tokens. Default, 0 and negative values: until the context is full.",
  ),
  stop: nullish(
    z.union(
      [StopSchema, z.array(StopSchema).max(ollamaLimits.stopStrings)],
      `must be up to ${ollamaLimits.stopStrings} texts of 1 to ${requestLimits.stopChars} characters`,
    ),
  ),
});

const ImagesSchema = z.array(PictureSourceSchema).max(ollamaLimits.images);

const ToolCallSchema = z.object({
  id: CallIdSchema,
  function: z.object({
    name: z.string().max(requestLimits.calledNameChars),
    arguments: ArgumentsSchema,
  }),
});

const roles = ["system", "user", "assistant", "tool"] as const;

export const OllamaMessageSchema = z
  .object({
    role: z
      .string()
      .max(requestLimits.idChars)
      .toLowerCase()
      .pipe(z.enum(roles))
      .meta({ enum: [...roles] }),
    content: nullish(z.string()),
    thinking: nullish(z.string()),
    images: nullish(ImagesSchema),
    tool_calls: nullish(z.array(ToolCallSchema).max(requestLimits.toolCalls)),
    tool_name: nullish(z.string().max(requestLimits.calledNameChars)),
    tool_call_id: CallIdSchema,
  })
  .meta({ id: "OllamaMessage" });
export type OllamaMessage = z.infer<typeof OllamaMessageSchema>;

/** Fields that `/api/chat` and `/api/generate` share. */
const answerShape = {
  ...modelShape,
  stream: flag.describe("Default: true."),
  format: nullish(FormatSchema),
  think: nullish(ThinkSchema),
  ...thinkingShape,
  options: nullish(OptionsSchema),
  keep_alive: nullish(KeepAliveSchema),
  logprobs: flag,
  top_logprobs: nullish(z.int().min(0).max(ollamaLimits.topLogprobs)).describe(
    "Number of alternatives for each token. Needs logprobs.",
  ),
};

export const OllamaChatRequestSchema = z
  .object({
    ...answerShape,
    messages: nullish(z.array(OllamaMessageSchema).max(requestLimits.messages)).describe(
      "The conversation. If empty, the request only loads the model.",
    ),
    tools: nullish(ToolsSchema),
  })
  .meta({ id: "OllamaChatRequest" });
export type OllamaChatRequest = z.infer<typeof OllamaChatRequestSchema>;

export const OllamaGenerateRequestSchema = z
  .object({
    ...answerShape,
    prompt: nullish(z.string()).describe("The prompt. If empty, the request only loads the model."),
    suffix: nullish(z.string()).describe("The text that follows the gap, for infill. Needs a model with infill."),
    system: nullish(z.string()),
    template: nullish(
      z.literal("", "must be empty: the worker uses the model's chat template, or with raw no template"),
    ),
    raw: flag.describe("Use the prompt without a template; texts of control tokens become control tokens."),
    context: nullish(z.array(count).max(ollamaLimits.contextNumbers)).describe(
      "The conversation so far: the context field of the last answer.",
    ),
    images: nullish(ImagesSchema),
  })
  .meta({ id: "OllamaGenerateRequest" });
export type OllamaGenerateRequest = z.infer<typeof OllamaGenerateRequestSchema>;

const inputsMessage = `must be a text, or up to ${ollamaLimits.embedInputs} texts that are not empty, with ${ollamaLimits.embedChars} characters in all`;
const embedShape = { ...modelShape, options: nullish(OptionsSchema), keep_alive: nullish(KeepAliveSchema) };

export const OllamaEmbedRequestSchema = z
  .object({
    ...embedShape,
    input: nullish(
      z.union(
        [
          z.string().max(ollamaLimits.embedChars, inputsMessage),
          z
            .array(z.string().min(1, inputsMessage), inputsMessage)
            .max(ollamaLimits.embedInputs, inputsMessage)
            .refine((texts) => texts.reduce((chars, text) => chars + text.length, 0) <= ollamaLimits.embedChars, {
              message: inputsMessage,
            }),
        ],
        inputsMessage,
      ),
    ),
    truncate: flag.describe("Whether to cut off the end of a text that is too long. Default: true."),
    dimensions: nullish(positive.max(ollamaLimits.dimensions)).describe(
      "Number of leading dimensions to return; the shortened vector is normalized to length 1.",
    ),
  })
  .meta({ id: "OllamaEmbedRequest" });
export type OllamaEmbedRequest = z.infer<typeof OllamaEmbedRequestSchema>;

export const OllamaEmbeddingsRequestSchema = z
  .object({ ...embedShape, prompt: nullish(z.string().max(ollamaLimits.embedChars)) })
  .meta({ id: "OllamaEmbeddingsRequest" });

export const OllamaModelRequestSchema = z.object(modelShape).meta({ id: "OllamaModelRequest" });

export const OllamaPullRequestSchema = z
  .object({ ...modelShape, stream: flag.describe("Default: true.") })
  .meta({ id: "OllamaPullRequest" });

export const OllamaCopyRequestSchema = z
  .object({
    source: z.string().max(requestLimits.modelChars),
    destination: ModelNameSchema,
  })
  .meta({ id: "OllamaCopyRequest" });
