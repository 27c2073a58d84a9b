// Owns the requests of OpenAI's dialect. Unknown fields are ignored, as OpenAI's clients expect; known fields are checked as strictly as on the
// native routes. The shapes follow OpenAI's API reference (chat completions, completions, embeddings).
import { nullish, z } from "zod";
import { chatShape } from "../fields/chat-options.ts";
import { KeepAliveSchema } from "../fields/keep-alive.ts";
import { requestLimits } from "../fields/limits.ts";
import { LogitBiasSchema } from "../native/generate.ts";
import { LoraChoiceSchema } from "../native/model-settings.ts";
import {
  ArgumentsSchema,
  CallIdSchema,
  ImagePartSchema,
  PastCallSchema,
  TextPartSchema,
  contentSchema,
  resultOf,
} from "../fields/parts.ts";
import { samplingShapeOf } from "../fields/sampling.ts";
import { FunctionCallSchema, FunctionSchema } from "../fields/tools.ts";
import { GuessesSchema, count, flag, json, positive } from "../fields/values.ts";

/**
 * Prompts have no limit here: only the engine knows how much text fits into a context. The limits apply to other texts, and to the number of parts of
 * a prompt. Each limit allows more text than a context of 128 Ki tokens can hold.
 */
export const openAiLimits = {
  /** Prompts in one completion request. */
  prompts: 128,
  choices: 16,
  /** Alternatives for each token: maximum of `top_logprobs`. */
  topLogprobs: 20,
  modalities: 4,
  /** Characters of a schema's description. The description has no effect. */
  descriptionChars: 65_536,
  userChars: 1_024,
  embeddingInputs: 2_048,
  /** Characters of all inputs of a request together. */
  embeddingChars: 4_194_304,
  /** Tokens of all inputs of a request together; below `bodyLimits.values`. */
  embeddingTokens: 262_144,
} as const;

const ContentSchema = contentSchema(TextPartSchema, ImagePartSchema);
const ResultSchema = resultOf(TextPartSchema, ImagePartSchema);

export const ChatMessageSchema = z
  .discriminatedUnion("role", [
    z.object({ role: z.enum(["system", "developer", "user"]), content: ContentSchema }),
    z.object({
      role: z.literal("assistant"),
      content: ContentSchema,
      refusal: z.unknown().optional().describe("Read if it is a text."),
      reasoning_content: resultOf(),
      reasoning: resultOf().describe("Another name for reasoning_content."),
      audio: z.unknown().optional().describe("Only its transcript is read."),
      function_call: nullish(z.object({ name: FunctionCallSchema.shape.name, arguments: ArgumentsSchema })).describe(
        "The deprecated form of tool_calls.",
      ),
      tool_calls: nullish(z.array(PastCallSchema).max(requestLimits.toolCalls)),
    }),
    z.object({ role: z.literal("tool"), content: ResultSchema, tool_call_id: CallIdSchema }),
  ])
  .meta({ id: "ChatMessage" });
export type ChatMessage = z.infer<typeof ChatMessageSchema>;

const FunctionMessageSchema = z
  .object({
    role: z.literal("function"),
    name: z.string().max(requestLimits.calledNameChars),
    content: ResultSchema,
  })
  .describe("The deprecated form of the role tool.");

const ChatRequestMessageSchema = z.discriminatedUnion("role", [...ChatMessageSchema.options, FunctionMessageSchema]);
export type ChatRequestMessage = z.infer<typeof ChatRequestMessageSchema>;

export const ResponseFormatSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({
    type: z.literal("json_object"),
    schema: nullish(json).describe("A field of llama-server's API."),
  }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: z.string().max(requestLimits.toolNameChars).optional(),
      description: nullish(z.string().max(openAiLimits.descriptionChars)),
      schema: json,
      strict: flag,
    }),
  }),
]);

/** OpenAI's own sampling fields. `extensions` are the fields with llama-server's names. */
const { temperature, top_p, seed, presence_penalty, frequency_penalty, ...extensions } = samplingShapeOf("openai");

/** Fields that chat and text completions share: OpenAI's fields, and extensions with llama-server's names. */
const completionShape = {
  model: nullish(z.string().max(requestLimits.modelChars)),
  keep_alive: nullish(KeepAliveSchema),
  stream: flag,
  stream_options: nullish(z.object({ include_usage: flag })),
  n: nullish(z.int().min(1).max(openAiLimits.choices)),
  temperature,
  top_p,
  seed,
  stop: nullish(
    z.union([
      z.string().min(1).max(requestLimits.stopChars),
      z
        .array(z.string().min(1).max(requestLimits.stopChars))
        .max(requestLimits.stopStrings, `at most ${requestLimits.stopStrings} stop strings`),
    ]),
  ),
  presence_penalty,
  frequency_penalty,
  logit_bias: nullish(LogitBiasSchema),
  user: nullish(z.string().max(openAiLimits.userChars)),
  ...extensions,
  grammar: nullish(z.string().min(1).max(requestLimits.grammarChars)),
  cache_prompt: flag,
  ignore_eos: flag,
  lora: nullish(LoraChoiceSchema),
  guesses: GuessesSchema,
  guided_regex: z.null("regular expressions are not supported; send a grammar").optional(),
  guided_choice: z.null("is not supported; send the choices as a grammar").optional(),
  guided_grammar: z.null("is not supported; send the field grammar, in GBNF").optional(),
  structured_outputs: z
    .null("is not supported; send a grammar, or a response_format to /v1/chat/completions")
    .optional(),
  return_progress: flag.describe("A field of llama-server's API: stream chunks report the progress of the prompt."),
  timings_per_token: flag.describe(
    "A field of llama-server's API: each chunk with tokens or progress has the timings so far. For one prompt only.",
  ),
};

const LengthSchema = z.union([z.literal(-1), z.int().min(1).max(requestLimits.maxTokens)]);

export const ChatCompletionRequestSchema = z
  .object({
    ...completionShape,
    messages: z.array(ChatRequestMessageSchema).min(1, "must not be empty").max(requestLimits.messages),
    max_tokens: nullish(LengthSchema).describe("Maximum number of tokens. -1: until the context is full."),
    max_completion_tokens: nullish(LengthSchema).describe("Maximum number of tokens. -1: until the context is full."),
    logprobs: flag,
    top_logprobs: nullish(z.int().min(0).max(openAiLimits.topLogprobs)),
    response_format: nullish(ResponseFormatSchema),
    functions: nullish(z.array(FunctionSchema).max(requestLimits.tools)).describe("The deprecated form of tools."),
    function_call: nullish(
      z.union([z.enum(["none", "auto"]), z.object({ name: z.string().max(requestLimits.toolNameChars) })]),
    ).describe("The deprecated form of tool_choice."),
    verbosity: nullish(z.enum(["low", "medium", "high"])).describe(
      "Passed to the model's template. If the template does not read verbosity, medium is ignored, and low and high are rejected.",
    ),
    modalities: nullish(z.array(z.literal("text", "this worker answers in text")).max(openAiLimits.modalities)),
    audio: z.null("this worker answers in text").optional(),
    web_search_options: z.null("this worker searches no web").optional(),
    json_schema: nullish(json).describe("A field of llama-server's API: the same as response_format with this schema."),
    guided_json: nullish(json).describe("A field of vLLM's API: the same as response_format with this schema."),
    ...chatShape,
  })
  .meta({
    id: "ChatCompletionRequest",
    description:
      "Other fields of OpenAI are ignored, since they do not affect the answer: prediction, metadata, service_tier, safety_identifier, prompt_cache_key, and the name of a message's author.",
  });
export type ChatCompletionRequest = z.infer<typeof ChatCompletionRequestSchema>;

const PromptTokensSchema = z.array(count).min(1, "must not be empty").max(requestLimits.maxTokens);

export const CompletionRequestSchema = z
  .object({
    ...completionShape,
    prompt: z
      .union([
        z.string().min(1, "must not be empty"),
        z.array(z.string().min(1, "must not be empty")).min(1, "must not be empty").max(openAiLimits.prompts),
        PromptTokensSchema,
        z.array(PromptTokensSchema).min(1, "must not be empty").max(openAiLimits.prompts),
      ])
      .describe(
        "A text, a list of tokens, or a list of several texts or token lists. Choices are in the order of the prompts.",
      ),
    max_tokens: nullish(z.union([z.literal(-1), z.int().min(0).max(requestLimits.maxTokens)])).describe(
      "0 computes the prompt and generates nothing; -1: until the context is full.",
    ),
    logprobs: nullish(z.int().min(0).max(openAiLimits.topLogprobs)).describe(
      "Number of alternatives for each token. With echo also for the prompt's tokens; then the prompt is computed without the cache.",
    ),
    echo: flag.describe("Return the prompt before the answer."),
    suffix: nullish(z.string()).describe("The text that follows the answer. Needs a model that was trained on infill."),
    repetition_limit: chatShape.repetition_limit,
    guided_json: z.null("is not supported here; send a grammar, or the schema to /v1/chat/completions").optional(),
    best_of: nullish(z.int().min(1).max(openAiLimits.choices)).describe(
      "Generate this many answers, and return the n answers with the highest mean logprob.",
    ),
  })
  .meta({ id: "CompletionRequest" });
export type CompletionRequest = z.infer<typeof CompletionRequestSchema>;

const tokensInput = z
  .array(
    z
      .int()
      .min(0)
      .max(2 ** 31 - 1),
  )
  .min(1, "must not be empty");
const embeddingTexts = z
  .array(z.string().min(1, "must not be empty"))
  .min(1, "must not be empty")
  .max(openAiLimits.embeddingInputs, `has more than ${openAiLimits.embeddingInputs} texts`)
  .refine((texts) => lengthOf(texts) <= openAiLimits.embeddingChars, {
    message: `has more than ${openAiLimits.embeddingChars} characters in all`,
  });
const embeddingTokens = z
  .array(tokensInput)
  .min(1, "must not be empty")
  .max(openAiLimits.embeddingInputs, `has more than ${openAiLimits.embeddingInputs} texts`)
  .refine((texts) => lengthOf(texts) <= openAiLimits.embeddingTokens, {
    message: `has more than ${openAiLimits.embeddingTokens} tokens in all`,
  });
const EmbeddingInputSchema = z.union(
  [
    z.string().min(1, "must not be empty").max(openAiLimits.embeddingChars),
    embeddingTexts,
    tokensInput.max(openAiLimits.embeddingTokens),
    embeddingTokens,
  ],
  `must be a text, or up to ${openAiLimits.embeddingInputs} texts with ${openAiLimits.embeddingChars} characters in all, or tokens instead of texts, up to ${openAiLimits.embeddingTokens} in all; no text may be empty`,
);

function lengthOf(texts: readonly { readonly length: number }[]): number {
  return texts.reduce((sum, { length }) => sum + length, 0);
}

/** A request to llama-server's `/embedding`. */
export const EmbeddingRequestSchema = z
  .object({ model: nullish(z.string().max(requestLimits.modelChars)), content: EmbeddingInputSchema })
  .meta({ id: "EmbeddingRequest" });

export const EmbeddingsRequestSchema = z
  .object({
    model: nullish(z.string().max(requestLimits.modelChars)),
    keep_alive: nullish(KeepAliveSchema),
    input: EmbeddingInputSchema,
    encoding_format: nullish(z.enum(["float", "base64"])),
    dimensions: nullish(positive).describe(
      "Number of leading dimensions to return; the shortened vector is normalized to length 1.",
    ),
  })
  .meta({ id: "EmbeddingsRequest" });
export type EmbeddingsRequest = z.infer<typeof EmbeddingsRequestSchema>;
