// Owns which MCP tools are on in a conversation, and what they cost in tokens. Pure.
import type { McpServers } from "@waggle/protocol";
import type { Settings } from "../settings/settings.ts";
import { toolLimits } from "../tool-calls/tool-list.ts";

export type McpServer = McpServers["servers"][number];

/** True: all tools, in conversations that an earlier page stored. */
export type McpChoice = Settings["mcpTools"];

export function namesOf(servers: readonly McpServer[]): readonly string[] {
  return servers.flatMap(({ tools }) => tools.map(({ name }) => name));
}

export function isOn(choice: McpChoice, name: string): boolean {
  return choice === true || choice?.includes(name) === true;
}

/** The choice after these tools were turned on or off. A request may have no more than a number of tools. */
export function withTools(
  choice: McpChoice,
  servers: readonly McpServer[],
  { names, on }: { readonly names: readonly string[]; readonly on: boolean },
): McpChoice {
  const before = choice === true ? namesOf(servers) : (choice ?? []);
  const others = before.filter((name) => !names.includes(name));
  const chosen = on ? [...others, ...names].slice(0, toolLimits.tools) : others;
  return chosen.length === 0 ? undefined : chosen;
}

/** The chosen tools that no server offers. A server that is not connected yet may offer its tools later. */
export function goneTools(choice: McpChoice, servers: readonly McpServer[] | undefined): readonly string[] {
  if (servers === undefined || choice === undefined || choice === true) return [];
  const known = new Set(namesOf(servers));
  const later = servers.filter(({ state }) => state === "closed" || state === "connecting");
  return choice.filter((name) => !known.has(name) && !later.some((server) => name.startsWith(`${server.name}__`)));
}

/** The number of tools that the model may call. */
export function countOn(choice: McpChoice, servers: readonly McpServer[] | undefined): number {
  if (choice === true) return namesOf(servers ?? []).length;
  return (choice ?? []).length - goneTools(choice, servers).length;
}

/** The tokens that the tools add to each prompt; undefined while the worker has not counted them. */
export function costOf(choice: McpChoice, { servers, shared_tokens: shared }: McpServers): number | undefined {
  const on = servers.flatMap(({ tools }) => tools).filter(({ name }) => isOn(choice, name));
  if (shared === undefined || on.length === 0) return undefined;
  return on.reduce((sum, { tokens = 0 }) => sum + tokens, shared);
}
