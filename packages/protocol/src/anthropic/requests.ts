// Owns the requests of Anthropic's dialect. Unknown fields are ignored, as are `cache_control`, `metadata`, `betas` and `context_management`.
// The shapes follow Anthropic's API reference (Messages, Count Message tokens).
import { nullish, z } from "zod";
import { thinkingShape } from "../fields/chat-options.ts";
import { requestLimits } from "../fields/limits.ts";
import { ArgumentsSchema, TextPartSchema, contentSchema, resultOf } from "../fields/parts.ts";
import { PictureSourceSchema } from "../fields/pictures.ts";
import { samplingShapeOf } from "../fields/sampling.ts";
import { ToolNameSchema, jsonAtMost } from "../fields/tools.ts";
import { flag, json } from "../fields/values.ts";

/** Prompts have no limit here: only the engine knows how much text fits into a context. */
export const anthropicLimits = {
  stopSequences: 64,
  /** Tools in one request. Agents offer the tools of all their MCP servers, and a server may have more than a hundred tools. */
  tools: 1_024,
  toolTypeChars: 128,
  mediaTypeChars: 128,
} as const;

const SourceSchema = z.union([
  z.object({
    type: z.literal("base64"),
    media_type: nullish(z.string().max(anthropicLimits.mediaTypeChars)).describe(
      "Ignored: the file itself tells its format.",
    ),
    data: PictureSourceSchema,
  }),
  z.object({ type: z.literal("url"), url: PictureSourceSchema }),
]);

const ImageBlockSchema = z.object({ type: z.literal("image"), source: SourceSchema });

const DocumentBlockSchema = z.looseObject({
  type: z.literal("document"),
  source: z.looseObject({ type: z.literal("content"), content: contentSchema(TextPartSchema, ImageBlockSchema) }),
});

const ToolResultBlockSchema = z.object({
  type: z.literal("tool_result"),
  tool_use_id: z.string(),
  content: resultOf(TextPartSchema, ImageBlockSchema, DocumentBlockSchema),
  is_error: flag,
});

const ToolUseBlockSchema = z.object({
  type: z.literal("tool_use"),
  id: z.string(),
  name: z.string().max(requestLimits.calledNameChars),
  input: ArgumentsSchema,
});

const ThinkingBlockSchema = z.object({ type: z.literal("thinking"), thinking: z.string() });

/** All roles have the same blocks: results of Anthropic's tools are in the assistant's messages. */
export const AnthropicMessageSchema = z
  .object({
    role: z.enum(["user", "assistant", "system"]),
    content: contentSchema(
      TextPartSchema,
      ImageBlockSchema,
      DocumentBlockSchema,
      ToolResultBlockSchema,
      ToolUseBlockSchema,
      ThinkingBlockSchema,
    ),
  })
  .meta({ id: "AnthropicMessage" });

const CustomToolSchema = z.object({
  type: nullish(z.string().max(anthropicLimits.toolTypeChars)).describe(
    "Any type: a tool with an input_schema is a custom tool.",
  ),
  name: ToolNameSchema,
  description: nullish(z.string()),
  input_schema: json,
  strict: flag,
});
export type AnthropicCustomTool = z.infer<typeof CustomToolSchema>;

/** Types of tools that Anthropic runs. Others that it defines, such as bash_20250124, are run by the client. */
const serverTool = /^(?:advisor|code_execution|mcp_toolset|tool_search_tool|web_fetch|web_search)(?:_|$)/;

/** A tool that Anthropic runs. Requests contain no schema for such a tool. */
const ServerToolSchema = z.object({
  type: z
    .string()
    .max(anthropicLimits.toolTypeChars)
    .regex(serverTool, {
      message:
        "Anthropic does not run this tool, and the model does not know it; send it with an input_schema and no type",
    })
    .meta({ examples: ["web_search_20250305"] }),
  name: nullish(z.string().max(requestLimits.toolNameChars)),
});

const ToolSchema = z.union([CustomToolSchema, ServerToolSchema]).meta({ id: "AnthropicTool" });
export type AnthropicTool = z.infer<typeof ToolSchema>;

const parallel = { disable_parallel_tool_use: flag };

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
  schema: json,
});

/** The fields from which the prompt and the answer's format are built. */
const promptShape = {
  ...thinkingShape,
  model: nullish(z.string().max(requestLimits.modelChars)).describe(
    "The model's name or alias. A worker with one model accepts any name.",
  ),
  messages: z.array(AnthropicMessageSchema).min(1, "must not be empty").max(requestLimits.messages),
  system: contentSchema(TextPartSchema),
  tools: nullish(
    z
      .array(ToolSchema)
      .max(anthropicLimits.tools)
      .refine(...jsonAtMost(requestLimits.toolsChars)),
  ).describe(
    "Tools that Anthropic runs (such as web_search_20250305) are ignored. Others without an input_schema (such as bash_20250124) are rejected.",
  ),
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
    stream: flag,
    stop_sequences: nullish(z.array(z.string().min(1).max(requestLimits.stopChars)).max(anthropicLimits.stopSequences)),
    temperature,
    top_p,
    ...otherSampling,
  })
  .meta({ id: "MessagesRequest" });
export type MessagesRequest = z.infer<typeof MessagesRequestSchema>;
