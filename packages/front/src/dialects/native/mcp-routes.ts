// Owns the native routes of MCP: the list of servers, and consent to calls.
import { ConsentRequestSchema, WaggleError } from "@waggle/protocol";
import type { McpServers, mcpRoutes } from "@waggle/protocol";
import type { ToolServer } from "@waggle/mcp";
import { readBody } from "../../body/body.ts";
import type { McpTools } from "../../calls/calls.ts";
import { toolTokensOf, type ToolTokens } from "../../calls/tool-tokens.ts";
import type { Handler } from "../../generation/dialect.ts";
import type { AppContext, ServedModels } from "../../server/context.ts";

export function createMcpRoutes(
  tools: McpTools | undefined,
  models: ServedModels,
): Record<keyof typeof mcpRoutes, Handler> {
  /** With a model in the query, the answer has the tokens of the tools. */
  async function answer(c: AppContext, servers: readonly ToolServer[] = []): Promise<Response> {
    const model = c.req.query("model");
    if (model === undefined || servers.length === 0) return c.json(toMcpServers(servers));
    const offered = servers.flatMap((server) => server.tools);
    return c.json(toMcpServers(servers, await toolTokensOf(c, models.find(model), offered)));
  }

  return {
    mcpServers: async (c) => await answer(c, await tools?.read(c.get("client"))),
    connectMcpServers: async (c) => await answer(c, await tools?.connect(c.get("client"))),
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

function toMcpServers(servers: readonly ToolServer[], tokens?: ToolTokens): McpServers {
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
        ...(tokens === undefined ? {} : { tokens: tokens.each.get(tool) ?? 0 }),
      })),
      left_out: [...leftOut],
    })),
    ...(tokens === undefined ? {} : { shared_tokens: tokens.shared }),
  };
}
