// Owns the list of the MCP servers that this client may use, and what a refused tool means for a message.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { McpServers } from "@waggle/protocol";
import { readJson, type Api } from "../../wire/api.ts";
import type { Problem } from "../../wire/problem.ts";
import type { Settings } from "../settings/settings.ts";
import { namesOf } from "./tool-choice.ts";

export interface McpServerList {
  /** Undefined before the worker's first answer. */
  readonly list: ReadonlySignal<McpServers | undefined>;
  /** Starts no server. */
  read(): Promise<void>;
  /** What its server says about a tool, by the name under which the model calls it. */
  describe(name: string): Promise<string | undefined>;
  /** Reads the list with the tokens for the model, if it is loaded, and connects the servers that are not connected. */
  connect(model: string | undefined, signal: AbortSignal): Promise<void>;
}

/** A server may need a minute to start. */
const startMs = 70_000;
const pollMs = 1_000;

export function createMcpServerList(api: Api): McpServerList {
  const list = signal<McpServers | undefined>(undefined);

  async function ask(init: RequestInit, model?: string): Promise<void> {
    list.value = (await requestServers(api, init, model)) ?? list.peek();
  }

  return {
    list,
    read: async () => await ask({}),
    async describe(name) {
      await ask({});
      const tools = list.peek()?.servers.flatMap((server) => server.tools);
      return tools?.find((tool) => tool.name === name)?.description;
    },
    async connect(model, leaving) {
      await ask({ signal: leaving }, model);
      if (leaving.aborted || list.peek()?.servers.every(({ state }) => state === "ready") !== false) return;
      const polling = new AbortController();
      // Shows how each server gets on while a slow one starts.
      const timer = setInterval(() => void ask({ signal: polling.signal }, model), pollMs);
      await ask({ method: "POST", signal: leaving }, model);
      clearInterval(timer);
      polling.abort();
    },
  };
}

/** Undefined if the worker did not answer. */
async function requestServers(api: Api, init: RequestInit, model?: string): Promise<McpServers | undefined> {
  const query = model === undefined ? "" : `?model=${encodeURIComponent(model)}`;
  return await readJson<McpServers>(api, `/v1/mcp/servers${query}`, { ...init, responseTimeoutMs: startMs });
}

/** The settings for another try, without the tools that the worker refused. Undefined if it refused something else. */
export async function withoutRefusedTools(
  api: Api,
  { mcpTools, ...others }: Settings,
  { code, details = {} }: Problem,
): Promise<Settings | undefined> {
  const isRefused = code === "forbidden" || JSON.stringify(details["problems"] ?? "").includes('"mcp_tools');
  if (mcpTools === undefined || !isRefused) return undefined;
  if (mcpTools === true) return others;
  const known = namesOf((await requestServers(api, {}))?.servers ?? []);
  const left = mcpTools.filter((name) => known.includes(name));
  return left.length === 0 || left.length === mcpTools.length ? others : { ...others, mcpTools: left };
}
