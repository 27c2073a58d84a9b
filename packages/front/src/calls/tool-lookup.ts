// Owns which MCP tools a request may offer: those of the servers that its client may use.
import type { ServerTool, ToolServer, ToolServers } from "@waggle/mcp";
import { WaggleError, refuseField, requestLimits } from "@waggle/protocol";
import type { Tool, ToolChoice } from "@waggle/protocol";
import type { HttpAccess } from "../server/context.ts";

export interface ToolLookup {
  /** Names of the servers. */
  readonly names: readonly string[];
  /** The servers that the client may use, as they are. */
  read(client: string): Promise<readonly ToolServer[]>;
  /** Connects the servers that the client may use, and waits for their start. */
  connect(client: string): Promise<readonly ToolServer[]>;
  /**
   * Connects the servers that the client may use, without waiting for the start of those that are not named.
   * @param names only these servers
   * @throws WaggleError forbidden if the client may not use one of them
   */
  list(client: string, names?: ReadonlySet<string>): Promise<readonly ToolServer[]>;
  /**
   * The tools of these names, or all that the client may use.
   * @throws WaggleError forbidden; unavailable if the server of a name has a problem; invalid_argument for an unknown name
   */
  find(client: string, wanted: "all" | readonly string[], field: string): Promise<readonly ServerTool[]>;
}

export function createToolLookup(
  servers: Pick<ToolServers, "names" | "read" | "list">,
  access: Pick<HttpAccess, "localMode" | "tokens">,
): ToolLookup {
  const usableOf = (client: string, names = servers.names): readonly string[] =>
    names.filter((name) => mayUseTools(access, client, name));

  async function list(client: string, names?: ReadonlySet<string>): Promise<readonly ToolServer[]> {
    const wanted = servers.names.filter((name) => names?.has(name) ?? true);
    const usable = usableOf(client, wanted);
    const denied = names === undefined ? undefined : wanted.find((name) => !usable.includes(name));
    if (denied !== undefined) throw toolsForbidden(client, denied);
    if (usable.length === 0) return [];
    // Without names, a server that is starting is not waited for.
    const found = await servers.list(names === undefined ? undefined : new Set(usable));
    return found.filter(({ name }) => usable.includes(name));
  }

  return {
    names: servers.names,
    async read(client) {
      return (await servers.read()).filter(({ name }) => mayUseTools(access, client, name));
    },
    connect: async (client) => await servers.list(new Set(usableOf(client))),
    list,
    async find(client, wanted, field) {
      const named = wanted === "all" ? undefined : new Set(wanted.map(serverIn));
      const found = await list(client, named);
      if (wanted === "all" && found.length === 0 && servers.names.length > 0) throw toolsForbidden(client);
      const tools = found.flatMap((server) => server.tools);
      if (wanted === "all") return tools.slice(0, requestLimits.tools);
      return wanted.map((name, index) => {
        const tool = tools.find(({ functionName }) => functionName === name);
        if (tool !== undefined) return tool;
        const server = found.find((one) => name.startsWith(`${one.name}__`));
        if (server?.problem === undefined) throw refuseField(`${field}.${index}`, `there is no MCP tool "${name}"`);
        throw new WaggleError("unavailable", `Cannot use the MCP server "${server.name}": ${server.problem}.`);
      });
    },
  };
}

/** Returns the server's name in the name of a function. */
export function serverIn(functionName: string): string {
  return functionName.split("__")[0] ?? "";
}

export function toolOf({ functionName, server, description, parameters }: ServerTool): Tool {
  const about = description === "" ? `A tool of the MCP server ${server}.` : description;
  return { type: "function", function: { name: functionName, description: about, parameters: { ...parameters } } };
}

/** A choice that requires a call counts for the first message only, but its list of allowed tools counts for all. */
export function laterChoice(choice: ToolChoice | null | undefined): ToolChoice {
  if (typeof choice !== "object" || choice?.type !== "allowed_tools") return choice === "none" ? "none" : "auto";
  return { ...choice, allowed_tools: { ...choice.allowed_tools, mode: "auto" } };
}

type ToolAccess = Pick<HttpAccess, "localMode" | "tokens">;

/** In local mode every client may, since every client is the machine's user. */
function mayUseTools({ localMode, tokens }: ToolAccess, client: string, server: string): boolean {
  if (localMode) return true;
  const tools = tokens().rightsOf(client)?.tools;
  return tools === "all" || tools?.has(server) === true;
}

/**
 * @param server the name of a server of the file; undefined for all servers
 * @returns a WaggleError forbidden that names the word to add to the token's line
 */
function toolsForbidden(client: string, server?: string): WaggleError {
  const tools = server === undefined ? "MCP tools" : `tools of the MCP server "${server}"`;
  const words = server === undefined ? "tools=all, or tools= with names of servers," : `tools=${server} (or tools=all)`;
  return new WaggleError(
    "forbidden",
    `Cannot run ${tools}: the API token "${client}" has no right to them. Add ${words} to its line in the token file.`,
  );
}
