// Owns reading what an MCP server says about one of its tools.
import type { McpServers } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";

/** @param name the name under which the model calls the tool. Undefined also if the daemon is older, or cannot be reached */
export async function readToolDescription(api: Pick<Api, "request">, name: string): Promise<string | undefined> {
  try {
    const response = await api.request("/v1/mcp/servers");
    const { servers } = (await response.json()) as McpServers;
    return servers.flatMap(({ tools }) => tools).find((tool) => tool.name === name)?.description;
  } catch {
    return undefined;
  }
}
