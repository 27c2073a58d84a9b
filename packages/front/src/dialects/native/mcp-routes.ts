// Owns the native routes of MCP: the list of servers, and consent to calls.
import { ConsentRequestSchema, WaggleError } from "@waggle/protocol";
import type { McpServers, mcpRoutes } from "@waggle/protocol";
import type { ToolServer } from "@waggle/mcp";
import { readBody } from "../../body/body.ts";
import type { McpTools } from "../../calls/calls.ts";
import type { Handler } from "../../generation/dialect.ts";

export function createMcpRoutes(tools: McpTools | undefined): Record<keyof typeof mcpRoutes, Handler> {
  return {
    mcpServers: async (c) => c.json(toMcpServers((await tools?.read(c.get("client"))) ?? [])),
    connectMcpServers: async (c) => c.json(toMcpServers((await tools?.connect(c.get("client"))) ?? [])),
    async consent(c) {
      const { call_id: call, allow } = await readBody(c, ConsentRequestSchema);
      const job = c.req.param("id") ?? "";
      if (tools?.calls.consent({ client: c.get("client"), job, call }, allow) !== true) {
        const shown = `call "${call.slice(0, 128)}" of job "${job.slice(0, 128)}"`;
        throw new WaggleError("not_found", `Cannot give consent to ${shown}: no such call waits for consent.`);
      }
      return c.body(null, 204);
    },
  };
}

function toMcpServers(servers: readonly ToolServer[]): McpServers {
  return {
    servers: servers.map(({ name, state, problem, tools, leftOut }) => ({
      name,
      state,
      ...(problem === undefined ? {} : { problem }),
      tools: tools.map((tool) => ({
        name: tool.functionName,
        tool: tool.name,
        description: tool.description,
        needs_consent: !tool.allowed,
      })),
      left_out: [...leftOut],
    })),
  };
}
