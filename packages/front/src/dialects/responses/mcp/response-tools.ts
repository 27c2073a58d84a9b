// Owns the MCP tools of a response: which tools a request gets, and the items that list them.
import { randomBytes } from "node:crypto";
import type { ServerTool } from "@waggle/mcp";
import type { ResponseMcpTool, ResponseTool } from "@waggle/protocol";
import { WaggleError, refuseField } from "@waggle/protocol";
import type { OfferedCalls } from "../../../conversation/conversation.ts";
import type { McpTools } from "../../../calls/calls.ts";
import { factsOf } from "../../../generation/generations.ts";
import { retryMarkOf } from "../../../generation/retries.ts";
import type { AppContext } from "../../../server/context.ts";
import type { OutputItem } from "../output.ts";

/**
 * The MCP tools of a request. Undefined if the request names no MCP server.
 * @throws WaggleError invalid_argument naming the field; forbidden
 */
export async function mcpToolsOf(
  client: string,
  tools: readonly ResponseTool[] | null | undefined,
  mcp: McpTools | undefined,
): Promise<readonly ServerTool[] | undefined> {
  const wanted = (tools ?? []).flatMap((tool, index) =>
    tool.type === "mcp" ? [{ tool, field: `tools.${index}` }] : [],
  );
  if (wanted.length === 0) return undefined;
  const labels = wanted.map(({ tool }) => tool.server_label);
  const twice = wanted.find(({ tool }, index) => labels.indexOf(tool.server_label) !== index);
  if (twice !== undefined) throw refuseField(`${twice.field}.server_label`, "two tools name the same server");
  for (const { tool, field } of wanted) {
    if (mcp?.names.includes(tool.server_label) === true) continue;
    const why = `no server "${tool.server_label}" is in the worker's file of MCP servers (--mcp-config)`;
    throw refuseField(`${field}.server_label`, why);
  }
  const servers = (await mcp?.list(client, new Set(labels))) ?? [];
  return wanted.flatMap(({ tool, field }) => {
    const server = servers.find(({ name }) => name === tool.server_label);
    if (server?.state !== "ready") throw cannotUse(tool, server?.problem);
    const free = server.tools.filter(({ allowed }) => allowed);
    const names = Array.isArray(tool.allowed_tools) ? tool.allowed_tools : tool.allowed_tools?.tool_names;
    if (names === undefined) return free;
    return names.map((name) => {
      const found = free.find((one) => one.name === name);
      if (found !== undefined) return found;
      const isThere = server.tools.some((one) => one.name === name);
      const why = isThere ? "needs consent, which only the chat page asks for" : "does not exist at this server";
      throw refuseField(`${field}.allowed_tools`, `the tool "${name}" ${why}`);
    });
  });
}

function cannotUse({ server_label: label }: ResponseMcpTool, problem = "it is not connected"): WaggleError {
  return new WaggleError("unavailable", `Cannot use the MCP server "${label}": ${problem}.`);
}

/** The calls that the worker runs for the response to this request. @param id the response's id */
export async function offeredCalls(
  c: AppContext,
  id: string,
  tools: readonly ServerTool[],
  mcp: McpTools,
): Promise<OfferedCalls> {
  const { steps, timeoutMs } = mcp;
  return { key: await callsKeyOf(c, id, mcp), tools, steps, timeoutMs };
}

/** A client that sends the request again, after a restart too, continues its first try. SDKs that retry by themselves send a count of tries instead of a key. */
async function callsKeyOf(c: AppContext, id: string, { calls }: McpTools): Promise<string> {
  const key = c.req.header("idempotency-key");
  if (key !== undefined) return `Idempotency-Key ${key}`;
  const mark = retryMarkOf(factsOf(c, 0));
  if (mark === undefined) return `response ${id}`;
  const digest = c.get("bodyDigest") ?? "";
  const earlier = mark.again ? await calls.newestKey(c.get("client"), "try ", digest) : undefined;
  return earlier ?? `try ${id}`;
}

export function toolListsOf(tools: readonly ServerTool[]): readonly OutputItem[] {
  const servers = [...new Set(tools.map(({ server }) => server))];
  return servers.map((server) => {
    const listed = tools
      .filter((tool) => tool.server === server)
      .map(({ name, description, parameters }) => ({ name, description, input_schema: parameters, annotations: null }));
    const id = `mcpl_${randomBytes(16).toString("hex")}`;
    return { id, type: "mcp_list_tools" as const, server_label: server, tools: listed, error: null };
  });
}
