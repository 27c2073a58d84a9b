// Owns the MCP servers of the file together: their tools, their states, and calls by a tool's function name.
import type { Clock } from "@waggle/async";
import { failedOutcome } from "../connection/call-outcome.ts";
import type { CallOutcome } from "../connection/call-outcome.ts";
import { createConnection } from "../connection/connection.ts";
import type { CallOptions, Connection, ConnectionState } from "../connection/connection.ts";
import type { ServerTool } from "../connection/tool-list.ts";
import type { ServerSpec } from "./read-servers.ts";

export interface ToolServersOptions {
  readonly specs: readonly ServerSpec[];
  /** The daemon's environment, of which a server gets PATH and HOME. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly callTimeoutMs: number;
  readonly clock: Clock;
  readonly onState: (server: string, state: ConnectionState) => void;
}

export interface ToolServer {
  readonly name: string;
  readonly state: ConnectionState["name"];
  /** Why the server cannot be used. */
  readonly problem?: string;
  /** The tools at the last connection. */
  readonly tools: readonly ServerTool[];
  /** The tools that are not offered, each once, as "name: why". */
  readonly leftOut: readonly string[];
}

export interface ToolServers {
  readonly names: readonly string[];
  /** The servers as they are. Waits a short time for the first start of servers, and starts none. */
  read(): Promise<readonly ToolServer[]>;
  /**
   * Connects the servers that are not connected. Without names it waits for first starts only, and a short time; other starts continue meanwhile.
   * @param names only these servers, and waits for their start
   */
  list(names?: ReadonlySet<string>): Promise<readonly ToolServer[]>;
  /** Sends the call. Never rejects, and never repeats a call that may have run. A call that is cancelled after it was sent is `unknown`. */
  call(
    tool: Pick<ServerTool, "server" | "name">,
    given: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<CallOutcome>;
  close(): Promise<void>;
}

export function createToolServers({ specs, onState, ...options }: ToolServersOptions): ToolServers {
  const connections = new Map<string, Connection>(
    specs.map((spec) => [
      spec.name,
      createConnection({ ...options, spec, onState: (state) => onState(spec.name, state) }),
    ]),
  );

  async function serversAfter(
    wait: (connection: Connection) => Promise<void>,
    names?: ReadonlySet<string>,
  ): Promise<readonly ToolServer[]> {
    const wanted = [...connections].filter(([name]) => names?.has(name) ?? true);
    await Promise.all(wanted.map(async ([, connection]) => await wait(connection)));
    return wanted.map(([name, connection]) => serverOf(name, connection));
  }

  return {
    names: specs.map(({ name }) => name),
    read: async () => await serversAfter(async (connection) => await connection.firstStart()),
    list: async (names) =>
      await serversAfter(async (connection) => {
        const opening = connection.open();
        await (names === undefined ? connection.firstStart() : opening);
      }, names),
    async call({ server, name }, given, how) {
      const connection = connections.get(server);
      if (connection === undefined) return failedOutcome("failed", `No MCP server is called "${server}".`);
      return await connection.call(name, given, how);
    },
    async close() {
      await Promise.all([...connections.values()].map((connection) => connection.close()));
    },
  };
}

function serverOf(name: string, { state, list }: Connection): ToolServer {
  return {
    name,
    state: state.name,
    ...(state.name === "failed" ? { problem: state.problem } : {}),
    ...list,
  };
}
