// Owns the requests and answers of OpenAI's Responses API. Unknown fields are ignored, as OpenAI's clients expect; a known field without support
// is rejected with its name. The shapes follow OpenAI's API reference (Responses).
import { nullish, optional, z } from "zod";
import { thinkingShape } from "../fields/chat-options.ts";
import { requestLimits } from "../fields/limits.ts";
import { samplingShapeOf } from "../fields/sampling.ts";
import { openAiLimits } from "../openai/requests.ts";
import { ResponseItemSchema } from "./items.ts";
import { ResponseToolChoiceSchema, ResponseToolsSchema } from "./tools.ts";
import { flag, json, pageShape } from "../fields/values.ts";

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
    name: nullish(z.string().max(requestLimits.toolNameChars)),
    description: nullish(z.string().max(openAiLimits.descriptionChars)),
    schema: json,
    strict: flag,
  }),
]);

export const MetadataSchema = z
  .record(z.string().max(responseLimits.metadataKeyChars), z.string().max(responseLimits.metadataValueChars))
  .refine((metadata) => Object.keys(metadata).length <= responseLimits.metadataPairs, {
    message: `at most ${responseLimits.metadataPairs} pairs`,
  });

/** The fields from which the prompt is built. A request that counts tokens needs only these fields. */
const conversationShape = {
  ...thinkingShape,
  model: nullish(z.string().max(requestLimits.modelChars)),
  input: nullish(z.union([z.string(), z.array(ResponseItemSchema).max(requestLimits.messages)])).describe(
    "The conversation. If absent or empty: one empty user message.",
  ),
  instructions: nullish(z.string()),
  previous_response_id: nullish(IdSchema).describe(
    "The conversation of this response precedes the input. 404 if the response is no longer stored.",
  ),
  conversation: optional(z.null("conversations are not stored; send previous_response_id")),
  prompt: optional(z.null("prompt templates are not stored; send input")),
  tools: nullish(ResponseToolsSchema),
  tool_choice: nullish(ResponseToolChoiceSchema),
  parallel_tool_calls: flag,
  reasoning: nullish(
    z.object({
      effort: nullish(z.string().max(requestLimits.effortChars)).describe(
        "Ignored, and null in the response, if the model has neither effort levels nor a switch for thinking.",
      ),
    }),
  ),
  text: nullish(z.object({ format: nullish(TextFormatSchema) })),
  truncation: nullish(z.literal("disabled", "must be disabled: a conversation that is too long is rejected, not cut")),
};

export const ResponseCountRequestSchema = z.object(conversationShape).meta({ id: "ResponseCountRequest" });

export const ResponseRequestSchema = z
  .object({
    ...conversationShape,
    stream: flag,
    store: flag.describe("Whether the response is stored in memory for a limited time. Default: true."),
    background: nullish(z.literal(false, "background responses are not supported")),
    max_output_tokens: nullish(z.int().min(1).max(requestLimits.maxTokens)),
    ...samplingShapeOf("responses"),
    top_logprobs: nullish(z.int().min(0).max(openAiLimits.topLogprobs)),
    include: nullish(z.array(z.string().max(responseLimits.includeChars)).max(responseLimits.includes)),
    metadata: nullish(MetadataSchema),
    return_progress: flag.describe(
      "A field of llama-server's API: during the prefill, the stream repeats response.in_progress with prompt_progress.",
    ),
    timings_per_token: flag.describe(
      "A field of llama-server's API: each event with tokens or progress, and the last event, has the timings so far.",
    ),
  })
  .meta({ id: "ResponseRequest" });
export type ResponseRequest = z.infer<typeof ResponseRequestSchema>;
export type ResponseCountRequest = z.infer<typeof ResponseCountRequestSchema>;

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
      .array(json)
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
    data: z.array(json),
    ...pageShape,
  })
  .meta({ id: "ResponseItemList" });
export type ResponseItemList = z.infer<typeof ResponseItemListSchema>;

export const ResponseInputTokensSchema = z
  .object({ object: z.literal("response.input_tokens"), input_tokens: z.int() })
  .meta({ id: "ResponseInputTokens" });
