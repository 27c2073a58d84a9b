// Owns tools and tool choice of OpenAI's Responses API. The shapes follow OpenAI's API reference.
import { nullish, optional, z } from "zod";
import { requestLimits } from "../fields/limits.ts";
import { FunctionSchema, jsonAtMost } from "../fields/tools.ts";

export const responseToolLimits = {
  /** Characters of a namespace, which becomes part of the names of its functions. */
  namespaceChars: 64,
} as const;

const FunctionToolSchema = z.object({ type: z.literal("function"), ...FunctionSchema.shape });

const CustomToolSchema = z.object({
  type: z.literal("custom"),
  name: FunctionSchema.shape.name,
  description: nullish(z.string()),
  format: nullish(
    z.discriminatedUnion("type", [
      z.object({ type: z.literal("text") }),
      z.object({ type: z.literal("grammar"), syntax: z.enum(["lark", "regex"]), definition: z.string() }),
    ]),
  ).describe("The model only gets a description of the grammar; the grammar does not constrain the call's input."),
});

const NamespaceSchema = z.object({
  type: z.literal("namespace"),
  name: z
    .string()
    .min(1)
    .max(responseToolLimits.namespaceChars)
    .regex(/^[A-Za-z0-9_.-]+$/, "only letters, digits and _ . - are allowed"),
  description: nullish(z.string()),
  tools: z.array(z.discriminatedUnion("type", [FunctionToolSchema, CustomToolSchema])).max(requestLimits.tools),
});

/** The client runs the search, and sends the tools that it finds as an item. */
const ToolSearchSchema = z.object({
  type: z.literal("tool_search"),
  execution: z.literal("client"),
  ...FunctionSchema.shape,
  name: z.literal("tool_search").default("tool_search"),
});

const names = z.array(z.string().max(requestLimits.toolNameChars)).max(requestLimits.tools);

/** Tools of an MCP server that the worker's operator lists. The worker runs them. */
const McpToolSchema = z.object({
  type: z.literal("mcp"),
  server_label: z
    .string()
    .max(responseToolLimits.namespaceChars)
    .describe("Name of the server in the file of --mcp-config."),
  server_url: optional(z.null("only servers that the worker's operator lists can be used; name one with server_label")),
  allowed_tools: nullish(z.union([names, z.object({ tool_names: names })])).describe(
    "Names of the tools to offer. Default: all tools of the server that need no consent.",
  ),
  require_approval: nullish(
    z.literal("never", "must be never: only tools that the operator lists as needing no consent can be used"),
  ),
});

/** Tools that OpenAI's servers run, such as web_search and file_search. They are not offered to the model. */
const ServerToolSchema = z.object({ type: z.literal("server") }).meta({
  description: "A tool of any type that is not listed: OpenAI's servers run such tools, and workers ignore them.",
});

const knownTools: ReadonlySet<unknown> = new Set(["function", "custom", "namespace", "mcp"]);
/** Types of tools that OpenAI defines, and the client runs. */
const clientTools: ReadonlySet<unknown> = new Set([
  "apply_patch",
  "computer",
  "computer_use_preview",
  "local_shell",
  "shell",
]);

/** Maps all unknown tool types to the type `server`, so that a request with a new tool type of OpenAI is not rejected. */
function withoutServerTypes(tool: unknown): unknown {
  const { type, execution } = (tool ?? {}) as { type?: unknown; execution?: unknown };
  if (type === "tool_search" && execution === "client") return tool;
  return typeof type === "string" && !knownTools.has(type) && !clientTools.has(type) ? { type: "server" } : tool;
}

export const ResponseToolSchema = z.preprocess(
  withoutServerTypes,
  z.discriminatedUnion(
    "type",
    [FunctionToolSchema, CustomToolSchema, ToolSearchSchema, NamespaceSchema, McpToolSchema, ServerToolSchema],
    {
      error: ({ input }) =>
        clientTools.has((input as { type?: unknown } | null | undefined)?.type)
          ? "the client runs this tool, but the model does not know it; send it as a function or a custom tool"
          : undefined,
    },
  ),
);
export type ResponseTool = z.infer<typeof ResponseToolSchema>;
export type ResponseMcpTool = Extract<ResponseTool, { type: "mcp" }>;
export type ResponseClientTool = Extract<ResponseTool, { type: "function" | "custom" | "tool_search" }>;

export const ResponseToolsSchema = z
  .array(ResponseToolSchema)
  .max(requestLimits.tools)
  .refine(...jsonAtMost(requestLimits.toolsChars));

const nameShape = {
  name: z.string().max(requestLimits.toolNameChars),
  namespace: nullish(z.string().max(responseToolLimits.namespaceChars)),
};

/** An allowed tool. Tools that OpenAI's servers run have no name. */
const AllowedToolSchema = z.object({
  type: z.string().max(requestLimits.toolNameChars),
  name: nullish(nameShape.name),
  namespace: nameShape.namespace,
});

export const ResponseToolChoiceSchema = z.union([
  z.enum(["none", "auto", "required"]),
  z.discriminatedUnion(
    "type",
    [
      z.object({ type: z.enum(["function", "custom"]), ...nameShape }),
      z.object({
        type: z.literal("allowed_tools"),
        mode: z.enum(["auto", "required"]),
        tools: z.array(AllowedToolSchema).max(requestLimits.tools),
      }),
    ],
    { error: "must be a function, a custom tool or allowed_tools" },
  ),
]);
export type ResponseToolChoice = z.infer<typeof ResponseToolChoiceSchema>;
