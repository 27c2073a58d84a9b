// Owns the requests of Anthropic's dialect. Unknown fields are ignored, as are `cache_control`, `metadata`, `betas` and `context_management`.
// The shapes follow Anthropic's API reference (Messages, Count Message tokens).
import { z } from "zod";
import { thinkingShape } from "../fields/chat-options.ts";
import { requestLimits } from "../fields/limits.ts";
import { PictureSourceSchema } from "../fields/pictures.ts";
import { samplingShapeOf } from "../fields/sampling.ts";
import { ToolNameSchema, jsonAtMost } from "../fields/tools.ts";

/** Prompts have no limit here: only the engine knows how much text fits into a context. */
export const anthropicLimits = {
  /** Blocks in one message, in the system prompt, or in a tool's result. */
  blocks: 1_024,
  stopSequences: 64,
  /** Tools in one request. Agents offer the tools of all their MCP servers, and a server may have more than a hundred tools. */
  tools: 1_024,
  toolTypeChars: 128,
  mediaTypeChars: 128,
} as const;

const nullish = <T extends z.ZodType>(schema: T) => schema.nullish();

const TextBlockSchema = z.object({ type: z.literal("text"), text: z.string() });
type TextBlock = z.infer<typeof TextBlockSchema>;

/** Accepts a string in place of a list with one text block. */
const textOr = <T extends z.ZodType>(block: T) =>
  z.union([
    z.string().transform((text): TextBlock[] => [{ type: "text", text }]),
    z.array(block).max(anthropicLimits.blocks),
  ]);

/** The error message for a block whose type is not in `types`. */
const only =
  (types: string) =>
  ({ input }: { readonly input?: unknown }): string => {
    const { type } = (typeof input === "object" && input !== null ? input : {}) as { type?: unknown };
    const given =
      typeof type === "string" ? `blocks of type "${type.slice(0, anthropicLimits.toolTypeChars)}"` : "this block";
    return `${given} cannot be read, only blocks of type ${types}`;
  };

const TextOnlySchema = z.discriminatedUnion("type", [TextBlockSchema], { error: only("text") });

const SourceSchema = z.discriminatedUnion(
  "type",
  [
    z.object({
      type: z.literal("base64"),
      media_type: nullish(z.string().max(anthropicLimits.mediaTypeChars)).describe(
        "Ignored: the file itself tells its format.",
      ),
      data: PictureSourceSchema,
    }),
    z.object({ type: z.literal("url"), url: PictureSourceSchema }),
  ],
  { error: "must have type base64 or url: this server stores no files" },
);

const ImageBlockSchema = z.object({ type: z.literal("image"), source: SourceSchema });

const ToolResultBlockSchema = z.object({
  type: z.literal("tool_result"),
  tool_use_id: z.string().max(requestLimits.idChars),
  content: nullish(
    textOr(z.discriminatedUnion("type", [TextBlockSchema, ImageBlockSchema], { error: only("text and image") })),
  ),
  is_error: nullish(z.boolean()),
});

const UserBlockSchema = z.discriminatedUnion("type", [TextBlockSchema, ImageBlockSchema, ToolResultBlockSchema], {
  error: only("text, image and tool_result"),
});
export type AnthropicUserBlock = z.infer<typeof UserBlockSchema>;

const AssistantBlockSchema = z.discriminatedUnion(
  "type",
  [
    TextBlockSchema,
    z.object({ type: z.literal("thinking"), thinking: z.string() }),
    z.object({ type: z.literal("redacted_thinking") }),
    z.object({
      type: z.literal("tool_use"),
      id: z.string().max(requestLimits.idChars),
      name: z.string().max(requestLimits.calledNameChars),
      input: z.record(z.string(), z.unknown()).refine(...jsonAtMost(requestLimits.argumentsChars)),
    }),
  ],
  { error: only("text, thinking, redacted_thinking and tool_use") },
);
export type AnthropicAssistantBlock = z.infer<typeof AssistantBlockSchema>;

export const AnthropicMessageSchema = z
  .discriminatedUnion("role", [
    z.object({ role: z.literal("user"), content: textOr(UserBlockSchema) }),
    z.object({ role: z.literal("assistant"), content: textOr(AssistantBlockSchema) }),
    z.object({ role: z.literal("system"), content: textOr(TextOnlySchema) }),
  ])
  .meta({ id: "AnthropicMessage" });

const CustomToolSchema = z.object({
  type: nullish(z.literal("custom")),
  name: ToolNameSchema,
  description: nullish(z.string()),
  input_schema: z.record(z.string(), z.unknown()),
  strict: nullish(z.boolean()),
});
export type AnthropicCustomTool = z.infer<typeof CustomToolSchema>;

/** A tool that Anthropic defines. Requests contain no schema for such a tool. */
const KnownToolSchema = z.object({
  type: z
    .string()
    .max(anthropicLimits.toolTypeChars)
    .refine((type) => type !== "custom"),
  name: nullish(z.string().max(requestLimits.toolNameChars)),
});

const ToolSchema = z.union([CustomToolSchema, KnownToolSchema]).meta({ id: "AnthropicTool" });
export type AnthropicTool = z.infer<typeof ToolSchema>;

const parallel = { disable_parallel_tool_use: nullish(z.boolean()) };

const ToolChoiceSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("auto"), ...parallel }),
  z.object({ type: z.literal("any"), ...parallel }),
  z.object({ type: z.literal("tool"), name: z.string().max(requestLimits.toolNameChars), ...parallel }),
  z.object({ type: z.literal("none") }),
]);

const ThinkingSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("enabled"), budget_tokens: z.int().min(0).max(requestLimits.maxTokens) }),
  z.object({ type: z.literal("adaptive") }),
  z.object({ type: z.literal("between_tools") }),
  z.object({ type: z.literal("disabled") }),
]);

const OutputFormatSchema = z.object({
  type: z.literal("json_schema"),
  schema: z.record(z.string(), z.unknown()),
});

/** The fields from which the prompt and the answer's format are built. */
const promptShape = {
  ...thinkingShape,
  model: nullish(z.string().max(requestLimits.modelChars)).describe(
    "The model's name or alias. A worker with one model accepts any name.",
  ),
  messages: z.array(AnthropicMessageSchema).min(1, "must not be empty").max(requestLimits.messages),
  system: nullish(textOr(TextOnlySchema)),
  tools: nullish(
    z
      .array(ToolSchema)
      .max(anthropicLimits.tools)
      .refine(...jsonAtMost(requestLimits.toolsChars)),
  ).describe("Tools that Anthropic defines (such as web_search_20250305) are ignored."),
  tool_choice: nullish(ToolChoiceSchema),
  thinking: nullish(ThinkingSchema).describe("Default: disabled, if the model can switch thinking off."),
  output_config: nullish(
    z.object({
      effort: nullish(z.string().max(requestLimits.effortChars)).describe(
        "How much the model thinks. Ignored if the model has no effort levels.",
      ),
      format: nullish(OutputFormatSchema),
    }),
  ),
  output_format: nullish(OutputFormatSchema).describe("The older name of output_config.format."),
  mcp_servers: nullish(
    z.array(z.unknown()).max(0, "MCP servers are not supported; send their tools in the field tools"),
  ),
  container: z.null("code execution is not supported").optional(),
};

export const CountTokensRequestSchema = z.object(promptShape).meta({ id: "CountTokensRequest" });
export type CountTokensRequest = z.infer<typeof CountTokensRequestSchema>;

const { temperature, top_p, ...otherSampling } = samplingShapeOf("anthropic");

export const MessagesRequestSchema = z
  .object({
    ...promptShape,
    max_tokens: z.int().min(0).max(requestLimits.maxTokens).describe("0 computes the prompt and generates nothing."),
    stream: nullish(z.boolean()),
    stop_sequences: nullish(z.array(z.string().min(1).max(requestLimits.stopChars)).max(anthropicLimits.stopSequences)),
    temperature,
    top_p,
    ...otherSampling,
  })
  .meta({ id: "MessagesRequest" });
export type MessagesRequest = z.infer<typeof MessagesRequestSchema>;
