// Owns the connection to one MCP server: opens it when it is needed, opens it again after a loss with growing delays, and calls its tools.
import { createBackoff, deferred, inBackground, onAbort } from "@waggle/async";
import type { Clock } from "@waggle/async";
import type { ServerSpec } from "../servers/read-servers.ts";
import { startServer } from "../thread/server-link.ts";
import type { ServerLink, ServerLinkOptions } from "../thread/server-link.ts";
import { failedOutcome } from "./call-outcome.ts";
import type { CallOutcome } from "./call-outcome.ts";
import type { JsonObject } from "./json.ts";
import { serverLimits as limits } from "./limits.ts";
import type { ToolList } from "./tool-list.ts";
import { createCallTurns } from "./turns.ts";

/** The variables of the daemon that a server gets. All others come from the file. */
const inherited = ["PATH", "HOME"] as const;

export interface ConnectionOptions {
  readonly spec: ServerSpec;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly callTimeoutMs: number;
  readonly clock: Clock;
  readonly onState: (state: ConnectionState) => void;
}

export type ConnectionState =
  | { readonly name: "closed" | "connecting" | "ready" }
  | { readonly name: "failed"; readonly problem: string };

export interface CallOptions {
  /** Clients take turns where calls wait. */
  readonly client: string;
  readonly signal: AbortSignal;
}

export interface Connection {
  readonly state: ConnectionState;
  /** The tools of the last connection; none after a failed start. */
  readonly list: ToolList;
  /** Waits for the first start since the daemon's start, at most a short time. */
  firstStart(): Promise<void>;
  /** Connects if necessary. Resolves also when the connection fails; then the state has the problem. */
  open(): Promise<void>;
  /** Never rejects. A call that may have run is not repeated. */
  call(tool: string, given: JsonObject, options: CallOptions): Promise<CallOutcome>;
  close(): Promise<void>;
}

const noTools: ToolList = { tools: [], leftOut: [] };

export function createConnection(options: ConnectionOptions): Connection {
  const { spec, clock, version } = options;
  const server = `The MCP server "${spec.name}"`;
  const env = Object.fromEntries(
    inherited.flatMap((name) => (options.env[name] === undefined ? [] : [[name, options.env[name]]])),
  );
  const backoff = createBackoff({ delaysMs: limits.retryDelaysMs });
  const turns = createCallTurns(limits.calls);
  /** Servers that have not ended, with the current one. */
  const running = new Set<ServerLink>();
  let state: ConnectionState = { name: "closed" };
  let list = noTools;
  let link: ServerLink | undefined;
  let opening: Promise<void> | undefined;
  let firstStart: Promise<void> | undefined;
  let retryAt = 0;
  /** When the last starts began. */
  let starts: readonly number[] = [];
  let isClosed = false;

  function enter(next: ConnectionState): void {
    state = next;
    options.onState(next);
  }

  async function connect(): Promise<void> {
    enter({ name: "connecting" });
    const started = deferred<string | undefined>();
    const starting = start(started.resolve, {
      spec,
      env,
      version,
      clock,
      onTools(next) {
        list = next;
        started.resolve(undefined);
      },
      onEnded(problem) {
        started.resolve(problem);
        if (link !== starting) return;
        link = undefined;
        // The next call connects at once; only after failed starts calls have to wait.
        if (!isClosed) enter({ name: "failed", problem });
      },
    });
    const timer = clock.setTimeout(
      () => started.resolve(`it did not answer within ${limits.connectMs / 1_000} s`),
      limits.connectMs,
    );
    const problem = await started.promise;
    timer.cancel();
    if (isClosed) return;
    if (problem === undefined) {
      link = starting;
      backoff.reset();
      enter({ name: "ready" });
      return;
    }
    if (starting !== undefined) inBackground("end an MCP server", end(starting));
    list = noTools;
    retryAt = clock.now() + backoff.next();
    enter({ name: "failed", problem });
  }

  /** @returns undefined if the system has no thread now; after a delay a call tries again */
  function start(onFailed: (problem: string) => void, server: ServerLinkOptions): ServerLink | undefined {
    try {
      const starting = startServer(server);
      running.add(starting);
      return starting;
    } catch (error) {
      onFailed(`its thread cannot start: ${(error as Error).message}`);
      return undefined;
    }
  }

  async function end(ending: ServerLink): Promise<void> {
    await ending.close();
    running.delete(ending);
  }

  function mayStart(): boolean {
    const now = clock.now();
    starts = starts.filter((at) => now - at < limits.startWindowMs);
    if (now < retryAt || starts.length >= limits.starts) return false;
    starts = [...starts, now];
    return true;
  }

  async function open(): Promise<void> {
    if (isClosed || link !== undefined) return;
    if (opening === undefined && !mayStart()) return;
    opening ??= connect().finally(() => (opening = undefined));
    const first = opening;
    firstStart ??= new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, limits.firstStartMs);
      const done = first.finally(() => {
        timer.cancel();
        resolve();
      });
      inBackground("start an MCP server", done);
    });
    await opening;
  }

  return {
    get state() {
      return state;
    },
    get list() {
      return list;
    },
    firstStart: async () => await firstStart,
    open,
    async call(tool, given, { client, signal }) {
      const left = deferred<undefined>();
      const unlisten = onAbort(signal, () => left.resolve(undefined));
      const turn = turns.take(client);
      try {
        await Promise.race([turn, left.promise]);
        // Resolves also when the signal aborts: a server may take a minute to start.
        if (!signal.aborted) await Promise.race([open(), left.promise]);
        if (signal.aborted) return failedOutcome("failed", "The call was cancelled before it was sent.");
        if (link === undefined) {
          const why = state.name === "failed" ? state.problem : "it is closed";
          return failedOutcome("failed", `${server} cannot be used: ${why}. The call was not sent.`);
        }
        return await link.call(tool, given, { signal, timeoutMs: options.callTimeoutMs });
      } finally {
        unlisten();
        const done = turn.then((release) => release());
        inBackground("end a turn", done);
      }
    },
    async close() {
      isClosed = true;
      link = undefined;
      await Promise.all([...running].map(end));
      await opening;
      enter({ name: "closed" });
    },
  };
}
