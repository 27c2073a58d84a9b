// Owns the MCP servers of the file together: their tools, their states, and calls by a tool's function name.
import type { CallOutcome } from "../connection/call-outcome.ts";
import { createConnection } from "../connection/connection.ts";
import type { Connection, ConnectionState } from "../connection/connection.ts";
import type { ServerTool } from "../connection/tool-list.ts";
import type { ServerSpec } from "./read-servers.ts";

export interface ToolServersOptions {
  readonly specs: readonly ServerSpec[];
  /** The daemon's environment, of which a server gets PATH and HOME. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly callTimeoutMs: number;
  readonly now: () => number;
  readonly onState: (server: string, state: ConnectionState) => void;
}

export interface ToolServer {
  readonly name: string;
  readonly state: ConnectionState["name"];
  /** Why the server cannot be used. */
  readonly problem?: string;
  /** The tools at the last connection. */
  readonly tools: readonly ServerTool[];
  readonly leftOut: readonly string[];
}

export interface ToolServers {
  readonly names: readonly string[];
  /** The servers as they are. Waits for servers that are starting, and starts none. */
  read(): Promise<readonly ToolServer[]>;
  /**
   * Connects the servers that are not connected, and waits for them.
   * @param names only these servers
   */
  list(names?: ReadonlySet<string>): Promise<readonly ToolServer[]>;
  /** Sends the call. Never throws, and never sends a call again. */
  call(tool: ServerTool, given: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<CallOutcome>;
  close(): Promise<void>;
}

export function createToolServers({ specs, onState, ...options }: ToolServersOptions): ToolServers {
  const connections = new Map<string, Connection>(
    specs.map((spec) => [
      spec.name,
      createConnection({ ...options, spec, onState: (state) => onState(spec.name, state) }),
    ]),
  );
  return {
    names: specs.map(({ name }) => name),
    read: () =>
      Promise.all([...connections].map(async ([name, connection]) => serverOf(name, await connection.settled()))),
    list: (names) =>
      Promise.all(
        [...connections]
          .filter(([name]) => names?.has(name) ?? true)
          .map(async ([name, connection]) => serverOf(name, await connection.open())),
      ),
    async call({ server, name }, given, signal) {
      const connection = connections.get(server);
      if (connection === undefined) throw new Error(`No MCP server is called ${server}`);
      return await connection.call(name, given, signal);
    },
    async close() {
      await Promise.all([...connections.values()].map((connection) => connection.close()));
    },
  };
}

function serverOf(name: string, state: ConnectionState): ToolServer {
  return {
    name,
    state: state.name,
    ...(state.name === "failed" ? { problem: state.problem } : {}),
    tools: state.name === "ready" ? state.list.tools : [],
    leftOut: state.name === "ready" ? state.list.leftOut : [],
  };
}
