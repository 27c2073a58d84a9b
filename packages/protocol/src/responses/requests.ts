// Owns the requests and answers of OpenAI's Responses API. Unknown fields are ignored, as OpenAI's clients expect; a known field without support
// is rejected with its name. The shapes follow OpenAI's API reference (Responses).
import { z } from "zod";
import { thinkingShape } from "../fields/chat-options.ts";
import { requestLimits } from "../fields/limits.ts";
import { samplingShapeOf } from "../fields/sampling.ts";
import { openAiLimits } from "../openai/requests.ts";
import { ResponseItemSchema } from "./items.ts";
import { ResponseToolChoiceSchema, ResponseToolsSchema } from "./tools.ts";

export const responseLimits = {
  /** OpenAI's limits on metadata. */
  metadataPairs: 16,
  metadataKeyChars: 64,
  metadataValueChars: 512,
  includes: 32,
  includeChars: 128,
} as const;

const IdSchema = z.string().max(requestLimits.idChars);

const TextFormatSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    name: z.string().max(requestLimits.toolNameChars).nullish(),
    description: z.string().max(openAiLimits.descriptionChars).nullish(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
]);

const MetadataSchema = z
  .record(z.string().max(responseLimits.metadataKeyChars), z.string().max(responseLimits.metadataValueChars))
  .refine((metadata) => Object.keys(metadata).length <= responseLimits.metadataPairs, {
    message: `at most ${responseLimits.metadataPairs} pairs`,
  });

/** The fields from which the prompt is built. A request that counts tokens needs only these fields. */
const conversationShape = {
  ...thinkingShape,
  model: z.string().max(requestLimits.modelChars).nullish(),
  input: z
    .union([z.string(), z.array(ResponseItemSchema).max(requestLimits.messages)])
    .nullish()
    .describe("The conversation. If absent or empty: one empty user message."),
  instructions: z.string().nullish(),
  previous_response_id: IdSchema.nullish().describe(
    "The conversation of this response precedes the input. 404 if the response is no longer stored.",
  ),
  conversation: z.null("conversations are not stored; send previous_response_id").optional(),
  prompt: z.null("prompt templates are not stored; send input").optional(),
  tools: ResponseToolsSchema.nullish(),
  tool_choice: ResponseToolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning: z
    .object({
      effort: z
        .string()
        .max(requestLimits.effortChars)
        .nullish()
        .describe(
          "Ignored, and null in the response, if the model has neither effort levels nor a switch for thinking.",
        ),
    })
    .nullish(),
  text: z.object({ format: TextFormatSchema.nullish() }).nullish(),
  truncation: z.literal("disabled", "must be disabled: a conversation that is too long is rejected, not cut").nullish(),
};

export const ResponseCountRequestSchema = z.object(conversationShape).meta({ id: "ResponseCountRequest" });

export const ResponseRequestSchema = z
  .object({
    ...conversationShape,
    stream: z.boolean().nullish(),
    store: z
      .boolean()
      .nullish()
      .describe("Whether the response is stored in memory for a limited time. Default: true."),
    background: z.literal(false, "background responses are not supported").nullish(),
    max_output_tokens: z.int().min(1).max(requestLimits.maxTokens).nullish(),
    ...samplingShapeOf("responses"),
    top_logprobs: z.int().min(0).max(openAiLimits.topLogprobs).nullish(),
    include: z.array(z.string().max(responseLimits.includeChars)).max(responseLimits.includes).nullish(),
    metadata: MetadataSchema.nullish(),
    return_progress: z
      .boolean()
      .nullish()
      .describe(
        "A field of llama-server's API: during the prefill, the stream repeats response.in_progress with prompt_progress.",
      ),
    timings_per_token: z
      .boolean()
      .nullish()
      .describe(
        "A field of llama-server's API: each event with tokens or progress, and the last event, has the timings so far.",
      ),
  })
  .meta({ id: "ResponseRequest" });
export type ResponseRequest = z.infer<typeof ResponseRequestSchema>;
export type ResponseCountRequest = z.infer<typeof ResponseCountRequestSchema>;

const JsonSchema = z.record(z.string(), z.unknown());

export const ResponseUsageSchema = z
  .object({
    input_tokens: z.int(),
    input_tokens_details: z.object({ cached_tokens: z.int(), cache_write_tokens: z.literal(0) }),
    output_tokens: z.int(),
    output_tokens_details: z.object({ reasoning_tokens: z.int() }),
    total_tokens: z.int(),
  })
  .meta({ id: "ResponseUsage" });
export type ResponseUsage = z.infer<typeof ResponseUsageSchema>;

/** The answer, only for the documents. The schema leaves out many optional fields of OpenAI. */
export const ResponseSchema = z
  .looseObject({
    id: z.string(),
    object: z.literal("response"),
    created_at: z.int().describe("Creation time, in seconds since 1970."),
    status: z.enum(["in_progress", "completed", "incomplete", "failed"]),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.string() }).nullable(),
    model: z.string(),
    output: z
      .array(JsonSchema)
      .describe(
        "Items in the order of generation: reasoning (with its text in the summary), message, function_call, custom_tool_call and tool_search_call.",
      ),
    previous_response_id: z.string().nullable(),
    usage: ResponseUsageSchema.nullable(),
  })
  .meta({ id: "Response" });
export type ResponseObject = z.infer<typeof ResponseSchema>;

export const ResponseStreamEventSchema = z
  .looseObject({
    type: z.string(),
    sequence_number: z
      .int()
      .describe(
        "Number of the event: 0, 1, 2, …, with keepalive events counted. An event has the same number in every stream of the response.",
      ),
  })
  .meta({ id: "ResponseStreamEvent" });

export const ResponseDeletedSchema = z
  .object({ id: z.string(), object: z.literal("response"), deleted: z.literal(true) })
  .meta({ id: "ResponseDeleted" });

export const ResponseItemListSchema = z
  .object({
    object: z.literal("list"),
    data: z.array(JsonSchema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: "ResponseItemList" });
export type ResponseItemList = z.infer<typeof ResponseItemListSchema>;

export const ResponseInputTokensSchema = z
  .object({ object: z.literal("response.input_tokens"), input_tokens: z.int() })
  .meta({ id: "ResponseInputTokens" });
