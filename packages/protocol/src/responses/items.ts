// Owns the input items of OpenAI's Responses API: messages, reasoning, calls and their results. Unknown fields are ignored. The shapes follow OpenAI's
// API reference (Responses, input items).
import { z } from "zod";
import { requestLimits } from "../fields/limits.ts";
import { ArgumentsSchema, CallIdSchema, contentSchema, resultOf } from "../fields/parts.ts";
import { DetailSchema, PictureSourceSchema } from "../fields/pictures.ts";
import { ResponseToolSchema, ResponseToolsSchema, responseToolLimits } from "./tools.ts";

/** Clients bring ids of any length from other services. */
const IdSchema = z.string();

/** The error for an item of an unknown type, with the type's name. */
function unknownType({ input }: { readonly input?: unknown }): string {
  const type = (input as { type?: unknown } | null | undefined)?.type;
  // Without the conversation in these items, the model would answer as if it had never been.
  if (type === "compaction" || type === "compaction_trigger") {
    return "is rejected: only OpenAI can compact a conversation and read the result; send the messages themselves, or a summary of them as a message";
  }
  const what = "leave out this item: only messages, reasoning, calls and their outputs can be read";
  return typeof type === "string" ? `${what}, not "${type.slice(0, 64)}"` : what;
}

export const itemParts = [
  z.object({ type: z.enum(["input_text", "output_text", "text"]), text: z.string() }),
  z.object({ type: z.literal("input_image"), image_url: PictureSourceSchema, detail: DetailSchema }),
];
const ContentSchema = contentSchema(...itemParts);

const ThoughtsSchema = contentSchema(
  z.object({ type: z.enum(["summary_text", "reasoning_text", "text"]), text: z.string() }),
);

export const MessageItemSchema = z.object({
  type: z.literal("message").nullish(),
  id: IdSchema.nullish(),
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: ContentSchema,
});

const ReasoningItemSchema = z.object({
  type: z.literal("reasoning"),
  id: IdSchema.nullish(),
  summary: ThoughtsSchema,
  content: ThoughtsSchema.describe("Replaces the summary, if present."),
  encrypted_content: z.string().nullish().describe("Without a summary and content, a note takes its place."),
});

const calledShape = {
  id: IdSchema.nullish(),
  call_id: CallIdSchema,
  name: z.string().max(requestLimits.calledNameChars),
  namespace: z.string().max(responseToolLimits.namespaceChars).nullish(),
};

export const FunctionCallItemSchema = z.object({
  type: z.literal("function_call"),
  ...calledShape,
  arguments: ArgumentsSchema,
});

export const CustomToolCallItemSchema = z.object({
  type: z.literal("custom_tool_call"),
  ...calledShape,
  input: ArgumentsSchema,
});

export const CallOutputItemSchema = z.object({
  type: z.enum(["function_call_output", "custom_tool_call_output"]),
  id: IdSchema.nullish(),
  call_id: CallIdSchema,
  output: resultOf(...itemParts),
});

/** A call that the worker has run, with its result. */
const McpCallItemSchema = z.object({
  type: z.literal("mcp_call"),
  id: IdSchema.nullish(),
  server_label: z.string().max(responseToolLimits.namespaceChars),
  name: z.string().max(requestLimits.calledNameChars),
  arguments: ArgumentsSchema,
  output: resultOf(),
  error: z.unknown().optional(),
});

const ItemReferenceSchema = z.object({ type: z.literal("item_reference"), id: IdSchema.max(requestLimits.idChars) });

const AdditionalToolsItemSchema = z.object({
  type: z.literal("additional_tools"),
  id: IdSchema.nullish(),
  role: z.string().nullish(),
  tools: ResponseToolsSchema.describe(
    "They count as those of the field tools. A later tool replaces one of the same name.",
  ),
});

/** A search may have found tools that only the vendor knows. A list that is too long is refused whatever it holds. */
function withoutOddTools(tools: unknown): unknown {
  if (!Array.isArray(tools) || tools.length > requestLimits.tools) return tools;
  return tools.filter((tool) => ResponseToolSchema.safeParse(tool).success);
}

const ToolSearchOutputItemSchema = z.looseObject({
  type: z.literal("tool_search_output"),
  id: IdSchema.nullish(),
  call_id: CallIdSchema,
  tools: z
    .preprocess(withoutOddTools, ResponseToolsSchema)
    .describe("As in additional_tools; other tools are left out."),
});

const ComputerCallOutputItemSchema = z.looseObject({
  type: z.literal("computer_call_output"),
  id: IdSchema.nullish(),
  call_id: CallIdSchema,
  output: contentSchema(z.looseObject({ image_url: PictureSourceSchema.nullish() })),
});

const ImageGenerationCallItemSchema = z.looseObject({
  type: z.literal("image_generation_call"),
  id: IdSchema.nullish(),
  result: PictureSourceSchema.nullish(),
});

/** Calls of OpenAI's tools, their outputs, and other facts. The model gets them as calls, as results and as notes. */
const OtherItemSchema = z.looseObject({
  type: z.enum([
    "agent_message",
    "apply_patch_call",
    "apply_patch_call_output",
    "code_interpreter_call",
    "computer_call",
    "configuration_update",
    "file_search_call",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_list_tools",
    "multi_agent_call",
    "multi_agent_call_output",
    "program",
    "program_output",
    "shell_call",
    "shell_call_output",
    "tool_search_call",
    "web_search_call",
  ]),
  id: IdSchema.nullish(),
  content: ContentSchema.describe("Of an agent_message."),
});

/** OpenAI's clients may leave out the type of a reference. */
function withReferenceType(item: unknown): unknown {
  if (typeof item !== "object" || item === null || Array.isArray(item) || "role" in item || !("id" in item))
    return item;
  return (item as { type?: unknown }).type == null ? { ...item, type: "item_reference" } : item;
}

export const ResponseItemSchema = z
  .preprocess(
    withReferenceType,
    z.discriminatedUnion(
      "type",
      [
        MessageItemSchema,
        ReasoningItemSchema,
        FunctionCallItemSchema,
        CustomToolCallItemSchema,
        CallOutputItemSchema,
        McpCallItemSchema,
        ItemReferenceSchema,
        AdditionalToolsItemSchema,
        ToolSearchOutputItemSchema,
        ComputerCallOutputItemSchema,
        ImageGenerationCallItemSchema,
        OtherItemSchema,
      ],
      { error: unknownType },
    ),
  )
  .meta({ id: "ResponseItem" });
export type ResponseItem = z.infer<typeof ResponseItemSchema>;
