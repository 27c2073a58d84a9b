// Owns the requests of OpenAI's dialect. Unknown fields are ignored, as its clients expect; known fields
// are checked as strictly as on the native routes. Shapes after OpenAI's API reference (chat completions, completions, embeddings, models).
import { z } from "zod";
import { chatShape } from "../fields/chat-options.ts";
import { KeepAliveSchema } from "../fields/keep-alive.ts";
import { requestLimits } from "../fields/limits.ts";
import { LoraChoiceSchema } from "../native/model-settings.ts";
import { WideSeedSchema } from "../fields/seed.ts";
import { FunctionCallSchema, FunctionSchema, ToolCallSchema } from "../fields/tools.ts";

/**
 * Prompts have no separate limit: only the engine can tell how much text fits into a context. Limits apply to texts that
 * are not a prompt, or only a part of one. Each limit allows more text than a context of 128 Ki tokens can hold.
 */
export const openAiLimits = {
  /** Prompts in one request for completions. */
  prompts: 128,
  choices: 16,
  /** Maximum of `top_logprobs`: alternatives for each token. */
  topLogprobs: 20,
  /** Content parts in one message. */
  contentParts: 1_024,
  modalities: 4,
  /** Characters of a schema's description, which is not used. */
  descriptionChars: 65_536,
  userChars: 1_024,
  embeddingInputs: 2_048,
  /** Characters of all inputs of a request together. */
  embeddingChars: 4_194_304,
  /** Tokens of all inputs of a request together. Below the limit on JSON values of a body. */
  embeddingTokens: 262_144,
} as const;

const nullish = <T extends z.ZodType>(schema: T) => schema.nullish();

/** Only text parts are accepted. For any other part (image, audio, file), the error names the part's type. */
const TextPartSchema = z.object({
  type: z.literal("text", {
    error: ({ input }) =>
      typeof input === "string" ? `this worker reads text, and no part of type "${input.slice(0, 32)}"` : undefined,
  }),
  text: z.string(),
});
const RefusalPartSchema = z
  .object({ type: z.literal("refusal"), refusal: z.string() })
  .transform(({ refusal }) => ({ type: "text" as const, text: refusal }));
const contentOf = <T extends z.ZodType>(part: T) => z.union([z.string(), z.array(part).max(openAiLimits.contentParts)]);
const ContentSchema = contentOf(TextPartSchema);

export const ChatMessageSchema = z
  .discriminatedUnion("role", [
    z.object({ role: z.literal("system"), content: ContentSchema }),
    z.object({ role: z.literal("developer"), content: ContentSchema }),
    z.object({ role: z.literal("user"), content: ContentSchema }),
    z.object({
      role: z.literal("assistant"),
      content: nullish(contentOf(z.union([TextPartSchema, RefusalPartSchema]))),
      refusal: nullish(z.string()),
      reasoning_content: nullish(z.string()),
      reasoning: nullish(z.string()).describe("Another name for reasoning_content."),
      audio: z.null("this worker has no sound").optional(),
      function_call: nullish(FunctionCallSchema).describe("The deprecated form of tool_calls."),
      tool_calls: nullish(z.array(ToolCallSchema).max(requestLimits.toolCalls)),
    }),
    z.object({ role: z.literal("tool"), content: ContentSchema, tool_call_id: z.string().max(requestLimits.idChars) }),
  ])
  .meta({ id: "ChatMessage" });
export type ChatMessage = z.infer<typeof ChatMessageSchema>;

const FunctionMessageSchema = z
  .object({
    role: z.literal("function"),
    name: z.string().max(requestLimits.calledNameChars),
    content: nullish(z.string()),
  })
  .describe("The deprecated form of the role tool.");

const ChatRequestMessageSchema = z.discriminatedUnion("role", [...ChatMessageSchema.options, FunctionMessageSchema]);
export type ChatRequestMessage = z.infer<typeof ChatRequestMessageSchema>;

const SchemaSchema = z.record(z.string(), z.unknown());

export const ResponseFormatSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object"), schema: nullish(SchemaSchema).describe("llama-server's.") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: z.string().max(requestLimits.toolNameChars).optional(),
      description: nullish(z.string().max(openAiLimits.descriptionChars)),
      schema: SchemaSchema,
      strict: nullish(z.boolean()),
    }),
  }),
]);
export type ResponseFormat = z.infer<typeof ResponseFormatSchema>;

/** Fields of both completion routes, with OpenAI's names. The extensions have llama-server's names. */
const completionShape = {
  model: nullish(z.string().max(requestLimits.modelChars)),
  keep_alive: nullish(KeepAliveSchema),
  stream: nullish(z.boolean()),
  stream_options: nullish(z.object({ include_usage: nullish(z.boolean()) })),
  n: nullish(z.int().min(1).max(openAiLimits.choices)),
  temperature: nullish(z.number().min(0).max(2)),
  top_p: nullish(z.number().min(0).max(1)),
  seed: nullish(WideSeedSchema),
  stop: nullish(
    z.union([
      z.string().min(1).max(requestLimits.stopChars),
      z
        .array(z.string().min(1).max(requestLimits.stopChars))
        .max(requestLimits.stopStrings, `at most ${requestLimits.stopStrings} stop strings`),
    ]),
  ),
  presence_penalty: nullish(z.number().min(-2).max(2)),
  frequency_penalty: nullish(z.number().min(-2).max(2)),
  logit_bias: nullish(z.record(z.string().regex(/^\d{1,9}$/, "keys are token ids"), z.number().min(-100).max(100))),
  user: nullish(z.string().max(openAiLimits.userChars)),
  top_k: nullish(z.int().min(0).max(1_000_000)),
  min_p: nullish(z.number().min(0).max(1)),
  repeat_penalty: nullish(z.number().min(0.01).max(10)),
  grammar: nullish(z.string().min(1).max(requestLimits.grammarChars)),
  cache_prompt: nullish(z.boolean()),
  ignore_eos: nullish(z.boolean()),
  context_shift: nullish(z.boolean()),
  lora: nullish(LoraChoiceSchema),
  guided_regex: z.null("this worker takes no regular expressions; send a grammar").optional(),
  guided_choice: z.null("send the choices as a grammar").optional(),
  guided_grammar: z.null("send it as grammar, in GBNF").optional(),
  structured_outputs: z.null("send a grammar, or to /v1/chat/completions a response_format").optional(),
  return_progress: nullish(z.boolean()).describe(
    "llama-server's: report the progress of the prompt in chunks of the stream.",
  ),
  timings_per_token: nullish(z.boolean()).describe(
    "llama-server's: add the timings so far to a stream's chunks of tokens and of progress. One prompt only.",
  ),
};

const LengthSchema = z.union([z.literal(-1), z.int().min(1).max(requestLimits.maxTokens)]);

export const ChatCompletionRequestSchema = z
  .object({
    ...completionShape,
    messages: z.array(ChatRequestMessageSchema).min(1, "must not be empty").max(requestLimits.messages),
    max_tokens: nullish(LengthSchema).describe("-1: to the context's end."),
    max_completion_tokens: nullish(LengthSchema).describe("-1: to the context's end."),
    logprobs: nullish(z.boolean()),
    top_logprobs: nullish(z.int().min(0).max(openAiLimits.topLogprobs)),
    response_format: nullish(ResponseFormatSchema),
    functions: nullish(z.array(FunctionSchema).min(1, "must not be empty").max(requestLimits.tools)).describe(
      "The deprecated form of tools.",
    ),
    function_call: nullish(
      z.union([z.enum(["none", "auto"]), z.object({ name: z.string().max(requestLimits.toolNameChars) })]),
    ).describe("The deprecated form of tool_choice."),
    verbosity: nullish(z.enum(["low", "medium", "high"])).describe(
      "medium has no effect; low and high are refused if the model's template does not read them.",
    ),
    modalities: nullish(z.array(z.literal("text", "this worker answers in text")).max(openAiLimits.modalities)),
    audio: z.null("this worker answers in text").optional(),
    web_search_options: z.null("this worker searches no web").optional(),
    json_schema: nullish(SchemaSchema).describe("llama-server's: as response_format with this schema."),
    guided_json: nullish(SchemaSchema).describe("vLLM's: as response_format with this schema."),
    ...chatShape,
  })
  .meta({
    id: "ChatCompletionRequest",
    description:
      "OpenAI's other fields do not affect the answer, and are ignored: prediction, store, metadata, service_tier, safety_identifier, prompt_cache_key, and the name of a message's author.",
  });
export type ChatCompletionRequest = z.infer<typeof ChatCompletionRequestSchema>;

const PromptTokensSchema = z.array(z.int().nonnegative()).min(1, "must not be empty").max(requestLimits.maxTokens);

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
      .describe("A text or a list of tokens, or several of either. The choices follow in the order of the prompts."),
    max_tokens: nullish(z.union([z.literal(-1), z.int().min(0).max(requestLimits.maxTokens)])).describe(
      "0 computes the prompt and generates nothing; -1: until the context is full.",
    ),
    logprobs: nullish(z.int().min(0).max(openAiLimits.topLogprobs)).describe(
      "Number of alternatives for each token. With echo also for the prompt's tokens; the prompt is then computed without the cache.",
    ),
    echo: nullish(z.boolean()).describe("Put the prompt before its answer."),
    suffix: nullish(z.string()).describe("The text after the answer, for models that were trained on infill."),
    repetition_limit: chatShape.repetition_limit,
    guided_json: z.null("send it to /v1/chat/completions, or a grammar").optional(),
    best_of: nullish(z.int().min(1).max(openAiLimits.choices)).describe(
      "Generate this many answers and return the n most probable ones, by the mean logprob of their tokens.",
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
  `must be a text, or up to ${openAiLimits.embeddingInputs} of them with ${openAiLimits.embeddingChars} characters in all, or tokens instead of texts, up to ${openAiLimits.embeddingTokens} in all; none of them empty`,
);

function lengthOf(texts: readonly { readonly length: number }[]): number {
  return texts.reduce((sum, { length }) => sum + length, 0);
}

export const EmbeddingsRequestSchema = z
  .object({
    model: nullish(z.string().max(requestLimits.modelChars)),
    keep_alive: nullish(KeepAliveSchema),
    input: EmbeddingInputSchema,
    encoding_format: nullish(z.enum(["float", "base64"])),
    dimensions: nullish(z.int().positive()).describe(
      "Return only this many leading numbers of each vector, and normalize the vector to length 1 again.",
    ),
  })
  .meta({ id: "EmbeddingsRequest" });
export type EmbeddingsRequest = z.infer<typeof EmbeddingsRequestSchema>;
