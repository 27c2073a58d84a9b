// Owns the schemas and routes of the MCP servers that a worker connects to.
import { z } from "zod";
import { route } from "../openapi/route-parts.ts";

const McpToolSchema = z.object({
  name: z.string().describe("The name under which the model calls the tool: server, two underscores, tool."),
  tool: z.string().describe("The tool's name at its server."),
  description: z.string(),
  needs_consent: z
    .boolean()
    .describe("Whether each call needs consent. The operator lists the other tools as alwaysAllow."),
  tokens: z.int().min(0).optional().describe("Tokens that the tool adds to a prompt of the model in the query."),
});

export const McpServersSchema = z
  .object({
    servers: z
      .array(
        z.object({
          name: z.string(),
          state: z.enum(["closed", "connecting", "ready", "failed"]),
          problem: z.string().optional().describe("Why the server cannot be used."),
          tools: z.array(McpToolSchema),
          left_out: z
            .array(z.string())
            .describe("The tools that are not offered, each as its name, a colon and the reason."),
        }),
      )
      .describe("The servers in the file of --mcp-config; empty without this setting."),
    shared_tokens: z
      .int()
      .min(0)
      .optional()
      .describe("Tokens that tools of any number add once to a prompt of the model in the query."),
  })
  .meta({ id: "McpServers" });
export type McpServers = z.infer<typeof McpServersSchema>;

export const ConsentRequestSchema = z
  .strictObject({
    call_id: z.string().max(256),
    allow: z
      .enum(["once", "conversation", "no"])
      .describe("conversation: further calls of this tool in jobs with the same session_id need no consent."),
  })
  .meta({ id: "ConsentRequest" });

const tokensQuery = {
  query: { model: "Also count what the tools cost in prompts of this model, if it is loaded." },
  errors: ["invalid_argument", "not_found"],
} as const;

export const mcpRoutes = {
  mcpServers: route("get", "/v1/mcp/servers", {
    summary: "The MCP servers and their tools. Starts no server.",
    ...tokensQuery,
    response: McpServersSchema,
  }),
  connectMcpServers: route("post", "/v1/mcp/servers", {
    summary: "Connects the MCP servers that are not connected. The servers and their tools.",
    ...tokensQuery,
    response: McpServersSchema,
  }),
  consent: route("post", "/v1/jobs/:id/consent", {
    summary: "Allow or refuse a tool call that waits for consent. 404 if no such call waits.",
    request: ConsentRequestSchema,
    status: 204,
    errors: ["invalid_argument", "not_found", "payload_too_large"],
  }),
};
