// Owns the answers of Anthropic's dialect: messages, the events of a streamed message, token counts and errors. The shapes follow
// Anthropic's API reference (Messages, Streaming Messages, Errors).
import { z } from "zod";

/** Fields that Anthropic's clients require. This server has no values for them. */
function nulls<K extends string>(...names: readonly K[]): Record<K, z.ZodNull> {
  return Object.fromEntries(names.map((name) => [name, z.null()])) as Record<K, z.ZodNull>;
}

const UsageSchema = z
  .object({
    input_tokens: z.int().nonnegative().describe("Number of prompt tokens, without cached tokens."),
    cache_creation_input_tokens: z.literal(0),
    cache_read_input_tokens: z.int().nonnegative(),
    output_tokens: z.int().nonnegative(),
    ...nulls("cache_creation", "inference_geo", "output_tokens_details", "server_tool_use", "service_tier", "speed"),
  })
  .meta({ id: "AnthropicUsage" });
export type AnthropicUsage = z.infer<typeof UsageSchema>;

const BlockSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("thinking"), thinking: z.string(), signature: z.literal("") }),
  z.object({ type: z.literal("text"), text: z.string(), citations: z.array(z.never()) }),
  z.object({
    type: z.literal("tool_use"),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
    caller: z.object({ type: z.literal("direct") }),
  }),
]);
export type AnthropicBlock = z.infer<typeof BlockSchema>;

const StopReasonSchema = z.enum([
  "end_turn",
  "max_tokens",
  "stop_sequence",
  "tool_use",
  "model_context_window_exceeded",
]);
export type AnthropicStopReason = z.infer<typeof StopReasonSchema>;

const messageShape = {
  id: z.string(),
  type: z.literal("message"),
  role: z.literal("assistant"),
  model: z.string(),
  ...nulls("container", "diagnostics", "stop_details"),
};

export const AnthropicAnswerSchema = z
  .object({
    ...messageShape,
    content: z.array(BlockSchema),
    stop_reason: StopReasonSchema,
    stop_sequence: z.string().nullable(),
    usage: UsageSchema,
  })
  .meta({ id: "AnthropicAnswer" });
export type AnthropicAnswer = z.infer<typeof AnthropicAnswerSchema>;

const indexed = { index: z.int().nonnegative().describe("Number of the content block: 0, 1, 2, …") };

/** The body of an error response, and the last event of a failed stream. */
export const AnthropicErrorSchema = z
  .object({
    type: z.literal("error"),
    error: z.object({ type: z.string(), message: z.string() }),
    request_id: z.string(),
  })
  .meta({ id: "AnthropicError" });
export type AnthropicError = z.infer<typeof AnthropicErrorSchema>;

export const AnthropicEventSchema = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("message_start"),
      message: z.object({
        ...messageShape,
        content: z.array(BlockSchema).length(0),
        stop_reason: z.null(),
        stop_sequence: z.null(),
        usage: UsageSchema.describe("Zeros if the stream started before the prompt's tokens were counted."),
      }),
    }),
    z.object({ type: z.literal("content_block_start"), ...indexed, content_block: BlockSchema }),
    z.object({
      type: z.literal("content_block_delta"),
      ...indexed,
      delta: z.discriminatedUnion("type", [
        z.object({ type: z.literal("text_delta"), text: z.string() }),
        z.object({ type: z.literal("thinking_delta"), thinking: z.string() }),
        z.object({ type: z.literal("signature_delta"), signature: z.literal("") }),
        z.object({ type: z.literal("input_json_delta"), partial_json: z.string() }),
      ]),
    }),
    z.object({ type: z.literal("content_block_stop"), ...indexed }),
    z.object({
      type: z.literal("message_delta"),
      delta: z.object({
        stop_reason: StopReasonSchema,
        stop_sequence: z.string().nullable(),
        ...nulls("container", "stop_details"),
      }),
      usage: UsageSchema,
    }),
    z.object({ type: z.literal("message_stop") }),
    AnthropicErrorSchema,
  ])
  .meta({ id: "AnthropicEvent" });
export type AnthropicEvent = z.infer<typeof AnthropicEventSchema>;

export const TokenCountSchema = z.object({ input_tokens: z.int().nonnegative() }).meta({ id: "TokenCount" });
