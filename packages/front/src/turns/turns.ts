// Owns the turns: the running ones, and the last ended ones, which clients can still read.
import { createCondition } from "@waggle/async";
import type { Clock } from "@waggle/async";
import type { Journal, ServerTool, ToolServer, ToolServers } from "@waggle/mcp";
import type { JobDispatcher, JobObserver } from "@waggle/jobs";
import { WaggleError, requestLimits } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { mayUseTools, toolsForbidden } from "../access/tool-rights.ts";
import { unsupported } from "../body/fields.ts";
import type { HttpAccess } from "../server/context.ts";
import { createConsents } from "./consents.ts";
import type { Consent } from "./consents.ts";
import { endedTurn } from "./ended-turn.ts";
import type { TurnLog } from "./turn-log.ts";
import { startTurn } from "./turn.ts";
import type { Turn, TurnLimits, TurnRequest } from "./turn.ts";

/** Turns that run at the same time. A turn that waits for consent has no job, so the queue's limit does not count it. */
const mostRunning = 256;
/** Ended turns that can be read again, and the bytes of their events together. */
const mostEnded = 64;
const mostEndedBytes = 67_108_864;
const keptMs = 1_800_000;

/** The MCP servers of a worker with `--mcp-config`, and what their calls need. */
export interface Mcp {
  readonly servers: ToolServers;
  readonly journal: Journal;
  readonly limits: TurnLimits;
}

export interface TurnsOptions extends Mcp {
  readonly dispatcher: Pick<JobDispatcher, "openReader" | "cancel">;
  readonly access: Pick<HttpAccess, "localMode" | "tokens">;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Turns {
  /**
   * Starts the turn, or finds the turn with its key.
   * @throws WaggleError conflict if the key was used with another request; resource_exhausted; the errors of the first job
   */
  start(request: TurnRequest): Promise<Turn>;
  /** The key of the client's newest turn with this body, among keys that begin like this: for a retry whose request names no key. */
  newestKey(client: string, beginning: string, digest: string): Promise<string | undefined>;
  find(client: string, id: string): Turn | undefined;
  /** The running turn of a session. */
  ofSession(client: string, sessionId: string): Turn | undefined;
  consent(call: { readonly client: string; readonly turn: string; readonly call: string }, given: Consent): boolean;
  /** Names of the servers. */
  readonly names: readonly string[];
  /** The servers that the client may use, as they are. */
  servers(client: string): Promise<readonly ToolServer[]>;
  /**
   * Connects the servers that the client may use.
   * @param names only these servers
   * @throws WaggleError forbidden if the client may not use one of them
   */
  list(client: string, names?: ReadonlySet<string>): Promise<readonly ToolServer[]>;
  /**
   * The tools of these names, or all that the client may use.
   * @throws WaggleError forbidden; invalid_argument for an unknown name, with the problem of its server
   */
  tools(client: string, wanted: "all" | readonly string[], field: string): Promise<readonly ServerTool[]>;
  /** Ends the turn whose session has a newer job. */
  readonly observe: JobObserver;
  /** Resolves when no call waits for its result. */
  idle(): Promise<void>;
  /** Ends all turns, then the servers. */
  stop(): Promise<void>;
}

export function createTurns(options: TurnsOptions): Turns {
  const { servers, clock } = options;
  const consents = createConsents();
  /** By client and key, the oldest first. */
  const turns = new Map<string, Turn>();
  const noCalls = createCondition(() => running().every(({ calling }) => !calling));

  function running(): readonly Turn[] {
    return [...turns.values()].filter(({ log }) => log.terminal === undefined);
  }

  function forget(key: string, log: TurnLog | undefined): void {
    if (turns.get(key)?.log === log) turns.delete(key);
  }

  /** The timer holds neither the request nor the events, which may be forgotten earlier. */
  function forgetLater(key: string, log: WeakRef<TurnLog>): void {
    clock.setTimeout(() => forget(key, log.deref()), keptMs);
  }

  function makeRoom(): void {
    let [count, bytes] = [0, 0];
    for (const [key, { log }] of [...turns].toReversed()) {
      if (log.terminal === undefined) continue;
      count += 1;
      bytes += log.bytes;
      if (count > mostEnded || bytes > mostEndedBytes) turns.delete(key);
    }
  }

  function ofSession(client: string, sessionId: string): Turn | undefined {
    return running().find(({ request }) => request.client === client && request.sessionId === sessionId);
  }

  async function list(client: string, names?: ReadonlySet<string>): Promise<readonly ToolServer[]> {
    const wanted = servers.names.filter((name) => names?.has(name) ?? true);
    const usable = wanted.filter((name) => mayUseTools(options.access, client, name));
    const denied = names && wanted.find((name) => !usable.includes(name));
    if (denied !== undefined) throw toolsForbidden(client, denied);
    return await servers.list(new Set(usable));
  }

  return {
    async start(request) {
      const { client, sessionId, digest } = request;
      const key = JSON.stringify([client, request.key]);
      for (let known = turns.get(key); known !== undefined && !canContinue(known); known = turns.get(key)) {
        if (known.request.digest !== digest) {
          throw new WaggleError(
            "conflict",
            `Cannot accept the request: ${request.key} was used with a different request.`,
          );
        }
        if (!isLost(known) || known.log.terminal !== undefined) {
          await known.begun;
          return known;
        }
        // This is the client's next try.
        await known.ended;
      }
      if (running().length >= mostRunning) {
        throw new WaggleError(
          "resource_exhausted",
          `Cannot accept the request: ${mostRunning} turns with MCP tools run already.`,
          { retryAfterS: 5 },
        );
      }
      // A session has one stream at a time.
      if (sessionId !== undefined) ofSession(client, sessionId)?.cancel("superseded");
      const turn = startTurn({ ...options, request, consents });
      turns.delete(key);
      turns.set(key, turn);
      turn.log.subscribe(noCalls.check);
      void turn.ended.then(() => {
        noCalls.check();
        if (turns.get(key) === turn)
          turns.set(key, endedTurn(turn, { clock, pingIntervalMs: options.limits.pingIntervalMs }));
        forgetLater(key, new WeakRef(turn.log));
        makeRoom();
      });
      try {
        await turn.begun;
      } catch (error) {
        forget(key, turn.log);
        throw error;
      }
      return turn;
    },
    newestKey: options.journal.newest,
    find: (client, id) => [...turns.values()].find(({ request }) => request.client === client && request.id === id),
    ofSession,
    observe({ spec: { who } }, { type }) {
      if (type !== "accepted" || who.sessionId === undefined) return;
      ofSession(who.client, who.sessionId)?.onSessionJob(who.ticket ?? 0);
    },
    consent: consents.give,
    names: servers.names,
    async servers(client) {
      return (await servers.read()).filter(({ name }) => mayUseTools(options.access, client, name));
    },
    list,
    async tools(client, wanted, field) {
      const named = wanted === "all" ? undefined : new Set(wanted.map((name) => name.split("__")[0] ?? ""));
      const found = await list(client, named);
      if (wanted === "all" && found.length === 0 && servers.names.length > 0) throw toolsForbidden(client);
      const tools = found.flatMap((server) => server.tools);
      if (wanted === "all") return tools.slice(0, requestLimits.tools);
      return wanted.map((name, index) => {
        const tool = tools.find(({ functionName }) => functionName === name);
        if (tool !== undefined) return tool;
        const server = found.find((one) => name.startsWith(`${one.name}__`));
        const why = server?.problem === undefined ? "" : `; its server cannot be used: ${server.problem}`;
        throw unsupported(`${field}.${index}`, `there is no MCP tool "${name}"${why}`);
      });
    },
    idle: () => noCalls.wait(),
    async stop() {
      const last = running();
      for (const turn of last) turn.cancel("operator");
      await Promise.all(last.map(({ ended }) => ended));
      // The next worker may open the journal before the servers exit.
      await options.journal.close();
      await servers.close();
    },
  };
}

/** A turn that failed, or whose client was lost, continues when its request is sent again. */
function canContinue(turn: Turn): boolean {
  const { terminal } = turn.log;
  if (terminal?.type === "error") return true;
  return terminal?.finish_reason === "cancelled" && isLost(turn);
}

/** Whether the turn was cancelled because its client was lost. */
function isLost({ cancelledBy }: Turn): boolean {
  return cancelledBy === "disconnect" || cancelledBy === "unclaimed";
}
