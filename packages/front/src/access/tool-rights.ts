// Owns the check that a client may run tools of an MCP server.
import { WaggleError } from "@waggle/protocol";
import type { HttpAccess } from "../server/context.ts";

type ToolAccess = Pick<HttpAccess, "localMode" | "tokens">;

/** In local mode every client may, since every client is the machine's user. */
export function mayUseTools({ localMode, tokens }: ToolAccess, client: string, server: string): boolean {
  if (localMode) return true;
  const tools = tokens().rightsOf(client)?.tools;
  return tools === "all" || tools?.has(server) === true;
}

/**
 * @param server the name of a server of the file; undefined for all servers
 * @returns a WaggleError forbidden that names the word to add to the token's line
 */
export function toolsForbidden(client: string, server?: string): WaggleError {
  const tools = server === undefined ? "MCP tools" : `tools of the MCP server "${server}"`;
  const words = server === undefined ? "tools=all, or tools= with names of servers," : `tools=${server} (or tools=all)`;
  return new WaggleError(
    "forbidden",
    `Cannot run ${tools}: the API token "${client}" has no right to them. Add ${words} to its line in the token file.`,
  );
}
