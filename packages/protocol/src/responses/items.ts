// Owns the input items of OpenAI's Responses API: messages, reasoning, calls and their results. Unknown fields are ignored. The shapes follow OpenAI's
// API reference (Responses, input items).
import { z } from "zod";
import { requestLimits } from "../fields/limits.ts";
import { DetailSchema, PictureSourceSchema } from "../fields/pictures.ts";

export const responseItemLimits = {
  /** Parts of one message or of one reasoning item. */
  contentParts: 1_024,
  /** Characters of a namespace, which becomes part of the names of its functions. */
  namespaceChars: 64,
} as const;

const IdSchema = z.string().max(requestLimits.idChars);

/** The error for an item of an unknown type, with the type's name. */
function unknownType(what: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => {
    const type = (input as { type?: unknown } | null | undefined)?.type;
    return typeof type === "string" ? `${what}, not "${type.slice(0, 64)}"` : what;
  };
}

const PartSchema = z.discriminatedUnion(
  "type",
  [
    z.object({ type: z.enum(["input_text", "output_text", "text"]), text: z.string() }),
    z.object({ type: z.literal("refusal"), refusal: z.string() }),
    z.object({
      type: z.literal("input_image"),
      // First, since a client that sends a file_id sends no image_url.
      file_id: z.null("files are not stored; send the picture as a data: URL in image_url").optional(),
      image_url: PictureSourceSchema,
      detail: DetailSchema,
    }),
  ],
  { error: unknownType("only text and input_image parts can be read") },
);

const ContentSchema = z.union([
  z.string(),
  z.array(PartSchema).max(responseItemLimits.contentParts, "has too many parts"),
]);
export type ResponseContent = z.infer<typeof ContentSchema>;

const ThoughtsSchema = z
  .array(z.object({ type: z.enum(["summary_text", "reasoning_text", "text"]), text: z.string() }))
  .max(responseItemLimits.contentParts)
  .nullish();

const MessageItemSchema = z
  .object({
    type: z.literal("message").optional(),
    id: IdSchema.nullish(),
    role: z.enum(["system", "developer", "user", "assistant"]),
    content: ContentSchema,
  })
  .refine(
    ({ role, content }) =>
      role !== "assistant" || typeof content === "string" || content.every(({ type }) => type !== "input_image"),
    { path: ["content"], message: "an assistant's message has no pictures" },
  );

const ReasoningItemSchema = z.object({
  type: z.literal("reasoning"),
  id: IdSchema.nullish(),
  summary: ThoughtsSchema,
  content: ThoughtsSchema.describe("Replaces the summary, if present."),
});

const calledShape = {
  id: IdSchema.nullish(),
  call_id: IdSchema,
  name: z.string().max(requestLimits.calledNameChars),
  namespace: z.string().max(responseItemLimits.namespaceChars).nullish(),
};

const FunctionCallItemSchema = z.object({
  type: z.literal("function_call"),
  ...calledShape,
  arguments: z.string().max(requestLimits.argumentsChars),
});

const CustomToolCallItemSchema = z.object({
  type: z.literal("custom_tool_call"),
  ...calledShape,
  input: z.string().max(requestLimits.argumentsChars),
});

const CallOutputItemSchema = z.object({
  type: z.enum(["function_call_output", "custom_tool_call_output"]),
  id: IdSchema.nullish(),
  call_id: IdSchema,
  output: ContentSchema,
});

/** A call that the worker has run, with its result. */
const McpCallItemSchema = z.object({
  type: z.literal("mcp_call"),
  id: IdSchema.nullish(),
  server_label: z.string().max(responseItemLimits.namespaceChars),
  name: z.string().max(requestLimits.calledNameChars),
  arguments: z.string().max(requestLimits.argumentsChars),
  output: z.string().nullish(),
  error: z.unknown().optional(),
});

const ItemReferenceSchema = z.object({ type: z.literal("item_reference"), id: IdSchema });

/** Items of OpenAI's server tools and internal data. A history may contain such items, but the model does not get them. */
const ServerItemSchema = z.object({
  type: z.enum([
    "additional_tools",
    "apply_patch_call",
    "apply_patch_call_output",
    "code_interpreter_call",
    "compaction",
    "compaction_trigger",
    "computer_call",
    "computer_call_output",
    "configuration_update",
    "file_search_call",
    "image_generation_call",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_list_tools",
    "program",
    "program_output",
    "shell_call",
    "shell_call_output",
    "tool_search_call",
    "tool_search_output",
    "web_search_call",
  ]),
  id: IdSchema.nullish(),
});

export const ResponseItemSchema = z
  .discriminatedUnion(
    "type",
    [
      MessageItemSchema,
      ReasoningItemSchema,
      FunctionCallItemSchema,
      CustomToolCallItemSchema,
      CallOutputItemSchema,
      McpCallItemSchema,
      ItemReferenceSchema,
      ServerItemSchema,
    ],
    { error: unknownType("only messages, reasoning, calls and their outputs can be read") },
  )
  .meta({ id: "ResponseItem" });
export type ResponseItem = z.infer<typeof ResponseItemSchema>;
