// Owns the other dialect: OpenAI's requests as its clients send them. Unknown fields are ignored, as those clients expect; what is known
// is checked as strictly as on the native routes. Shapes after OpenAI's API reference (chat completions, completions, embeddings, models).
import { z } from "zod";
import { chatShape } from "./chat-options.ts";
import { requestLimits } from "./limits.ts";
import { ToolCallSchema, ToolsSchema } from "./tools.ts";
import { ChatAbilitiesSchema } from "./worker.ts";

/**
 * Prompts have no length of their own here: how much text a context holds, only the engine knows. The texts that have one are those that
 * are no prompt, or only a part of it; a context of 128 Ki tokens takes less than any of them allows.
 */
export const openAiLimits = {
  choices: 16,
  /** Alternatives that `top_logprobs` asks for. */
  topLogprobs: 20,
  /** Of one message. */
  contentParts: 1_024,
  /** Of what describes a schema, and is not used. */
  descriptionChars: 65_536,
  userChars: 1_024,
  embeddingInputs: 2_048,
  /** All inputs of a request together. */
  embeddingChars: 4_194_304,
  /** All inputs of a request together, where they are tokens: less than the values that a body may have. */
  embeddingTokens: 262_144,
  tokenizeChars: 524_288,
  /** Each of its tokens is an object of the answer. */
  tokenizePiecesChars: 65_536,
  detokenizeTokens: 262_144,
} as const;

const nullish = <T extends z.ZodType>(schema: T) => schema.nullish();

const TextPartSchema = z.object({ type: z.literal("text"), text: z.string() });
const ContentSchema = z.union([
  z.string(),
  z.array(TextPartSchema, "only text parts are supported").max(openAiLimits.contentParts),
]);

export const ChatMessageSchema = z
  .discriminatedUnion("role", [
    z.object({ role: z.literal("system"), content: ContentSchema }),
    z.object({ role: z.literal("developer"), content: ContentSchema }),
    z.object({ role: z.literal("user"), content: ContentSchema }),
    z.object({
      role: z.literal("assistant"),
      content: nullish(ContentSchema),
      reasoning_content: nullish(z.string()),
      tool_calls: nullish(z.array(ToolCallSchema).max(requestLimits.toolCalls)),
    }),
    z.object({ role: z.literal("tool"), content: ContentSchema, tool_call_id: z.string().max(requestLimits.idChars) }),
  ])
  .meta({ id: "ChatMessage" });
export type ChatMessage = z.infer<typeof ChatMessageSchema>;

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

/** What both completion routes take, with OpenAI's names; the local extensions are llama-server's. */
const completionShape = {
  model: nullish(z.string().max(requestLimits.modelChars)),
  stream: nullish(z.boolean()),
  stream_options: nullish(z.object({ include_usage: nullish(z.boolean()) })),
  n: nullish(z.int().min(1).max(openAiLimits.choices)),
  temperature: nullish(z.number().min(0).max(2)),
  top_p: nullish(z.number().min(0).max(1)),
  // Not `z.int()`, which ends at 2^53: clients send seeds of 64 bits, and rounding those makes no difference.
  seed: nullish(z.number().refine(Number.isInteger, "must be an integer").meta({ type: "integer" })),
  stop: nullish(
    z.union([
      z.string().min(1).max(requestLimits.stopChars),
      z.array(z.string().min(1).max(requestLimits.stopChars)).max(requestLimits.stopStrings),
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
};

export const ChatCompletionRequestSchema = z
  .object({
    ...completionShape,
    messages: z.array(ChatMessageSchema).min(1, "must not be empty").max(requestLimits.messages),
    max_tokens: nullish(z.int().min(1).max(requestLimits.maxTokens)),
    max_completion_tokens: nullish(z.int().min(1).max(requestLimits.maxTokens)),
    logprobs: nullish(z.boolean()),
    top_logprobs: nullish(z.int().min(0).max(openAiLimits.topLogprobs)),
    response_format: nullish(ResponseFormatSchema),
    functions: z.null("OpenAI's older name for tools; send tools").optional(),
    function_call: z.null("OpenAI's older name for tool_choice; send tool_choice").optional(),
    json_schema: nullish(SchemaSchema).describe("llama-server's: as response_format with this schema."),
    ...chatShape,
  })
  .meta({ id: "ChatCompletionRequest" });
export type ChatCompletionRequest = z.infer<typeof ChatCompletionRequestSchema>;

export const CompletionRequestSchema = z
  .object({
    ...completionShape,
    prompt: z.union([
      z.string().min(1, "must not be empty"),
      z
        .array(z.string().min(1))
        .length(1, "one prompt at a time is supported")
        .transform(([prompt]) => prompt as string),
    ]),
    max_tokens: nullish(z.int().min(1).max(requestLimits.maxTokens)),
    logprobs: nullish(z.int().min(0).max(openAiLimits.topLogprobs)),
    echo: nullish(z.literal(false, "echo is not supported")),
    suffix: nullish(z.literal("", "suffix is not supported")),
    repetition_limit: chatShape.repetition_limit,
    best_of: nullish(z.literal(1, "best_of is not supported")),
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
    input: EmbeddingInputSchema,
    encoding_format: nullish(z.enum(["float", "base64"])),
    dimensions: nullish(z.int().positive()).describe("The first numbers of each vector, of length 1 again."),
  })
  .meta({ id: "EmbeddingsRequest" });
export type EmbeddingsRequest = z.infer<typeof EmbeddingsRequestSchema>;

export const ApplyTemplateRequestSchema = z
  .object({
    messages: z.array(ChatMessageSchema).min(1, "must not be empty").max(requestLimits.messages),
    tools: nullish(ToolsSchema),
    chat_template_kwargs: chatShape.chat_template_kwargs,
    enable_thinking: chatShape.enable_thinking,
    reasoning_effort: chatShape.reasoning_effort,
    continue_final_message: chatShape.continue_final_message,
    add_generation_prompt: chatShape.add_generation_prompt,
  })
  .meta({ id: "ApplyTemplateRequest" });

const UsageFieldsSchema = z
  .object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    prompt_tokens_details: z.object({ cached_tokens: z.int() }),
  })
  .meta({ id: "OpenAiUsage" });

const headShape = {
  id: z.string(),
  created: z.int().describe("Seconds since 1970."),
  model: z.string(),
  system_fingerprint: z.string(),
  timings: z.record(z.string(), z.number()).optional().describe("Not OpenAI's: llama-server's names."),
};

/** What comes back; for the documents, and loose where OpenAI's own shape has many optional corners. */
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
          tool_calls: z.array(ToolCallSchema).optional(),
        }),
        logprobs: z.record(z.string(), z.unknown()).nullable(),
        finish_reason: z.enum(["stop", "length", "tool_calls"]),
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
        finish_reason: z.enum(["stop", "length", "tool_calls"]).nullable(),
      }),
    ),
    usage: UsageFieldsSchema.nullish(),
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

export const ModelSchema = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    created: z.int(),
    owned_by: z.string(),
    meta: z.record(z.string(), z.number()).optional(),
    chat: ChatAbilitiesSchema.optional().describe("Not OpenAI's: what the model's chat format can do."),
  })
  .meta({ id: "Model" });

export const ModelListSchema = z
  .object({ object: z.literal("list"), data: z.array(ModelSchema) })
  .meta({ id: "ModelList" });

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

export const RenderedSchema = z.object({ prompt: z.string() }).meta({ id: "Rendered" });

/** The body of an error on these routes. */
export const OpenAiErrorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string(),
      n_prompt_tokens: z.int().optional(),
      n_ctx: z.int().optional(),
    }),
  })
  .meta({ id: "OpenAiError" });
