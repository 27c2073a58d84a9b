// Owns the connection to one MCP server: opens it when it is needed, opens it again after a loss with growing delays, and calls its tools. Errors
// of the SDK and of the server may quote secrets of the file, so each problem is put in our words.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { CallToolResultSchema, ErrorCode, ListToolsResultSchema, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { Tool as ListedTool } from "@modelcontextprotocol/sdk/types.js";
import { createBackoff, deferred, linkSignals, onAbort } from "@waggle/async";
import type { ServerSpec } from "../servers/read-servers.ts";
import { failedOutcome, outcomeOf } from "./call-outcome.ts";
import type { CallOutcome } from "./call-outcome.ts";
import { createHttpTransport } from "./http-transport.ts";
import { createStdioTransport } from "./stdio-transport.ts";
import { toolLimits, toolListOf } from "./tool-list.ts";
import type { ToolList } from "./tool-list.ts";

/** Time limit for starting a server, and for its list of tools. `npx` may download the server first. */
const connectTimeoutMs = 60_000;
/** How long calls fail at once after a failed start. */
const retryDelaysMs = [1_000, 5_000, 30_000, 60_000];
/** Pages of one list of tools. */
const mostPages = 32;

export interface ConnectionOptions {
  readonly spec: ServerSpec;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly callTimeoutMs: number;
  readonly now: () => number;
  readonly onState: (state: ConnectionState) => void;
}

export type ConnectionState =
  | { readonly name: "closed" }
  | { readonly name: "connecting" }
  | { readonly name: "ready"; readonly list: ToolList }
  | { readonly name: "failed"; readonly problem: string };

export interface Connection {
  readonly state: ConnectionState;
  /** Waits for the start that is under way, if there is one. */
  settled(): Promise<ConnectionState>;
  /** Connects if necessary. Resolves also when the connection fails; then the state has the problem. */
  open(): Promise<ConnectionState>;
  /** Never throws. A call that fails is not repeated. */
  call(tool: string, given: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<CallOutcome>;
  close(): Promise<void>;
}

interface Session {
  readonly client: Client;
  readonly list: ToolList;
}

export function createConnection(options: ConnectionOptions): Connection {
  const { spec, now } = options;
  const server = `The MCP server "${spec.name}"`;
  const backoff = createBackoff({ delaysMs: retryDelaysMs });
  let state: ConnectionState = { name: "closed" };
  let session: Session | undefined;
  let opening: Promise<void> | undefined;
  /** The transport of the connection that is being opened. */
  let starting: Transport | undefined;
  let retryAt = 0;
  let ended = false;
  /** Why the transport ended the connection. */
  let broken: string | undefined;

  function enter(next: ConnectionState): void {
    state = next;
    options.onState(next);
  }

  function transportOf(): Transport {
    const { transport } = spec;
    if (transport.kind === "http") return createHttpTransport(transport);
    return createStdioTransport({ transport, env: options.env, now });
  }

  async function connect(): Promise<void> {
    enter({ name: "connecting" });
    broken = undefined;
    const client = new Client({ name: "waggle", version: options.version });
    const transport = transportOf();
    starting = transport;
    let lost = false;
    // Set before `connect`, which calls these functions before its own.
    transport.onerror = (error) => (broken ??= ownWords(error));
    transport.onclose = () => {
      lost = true;
      if (session?.client !== client) return;
      session = undefined;
      // The next call connects at once; only after failed starts calls have to wait.
      if (!ended) enter({ name: "failed", problem: broken ?? "the connection was closed" });
    };
    try {
      await client.connect(transport, { timeout: connectTimeoutMs });
      const list = toolListOf(spec.name, await listTools(client), spec.alwaysAllow);
      if (lost || ended) throw new Error(broken ?? "the connection was closed");
      session = { client, list };
      backoff.reset();
      enter({ name: "ready", list });
    } catch (error) {
      await client.close().catch(() => {});
      await transport.close().catch(() => {});
      fail(broken ?? ownWords(error) ?? "it does not answer as an MCP server");
    } finally {
      starting = undefined;
    }
  }

  /** A server over HTTP that was restarted no longer knows the session. Other calls of the session may still end, so it is not closed. */
  function leaveSession(client: Client, problem: string): void {
    if (spec.transport.kind !== "http" || session?.client !== client) return;
    session = undefined;
    enter({ name: "failed", problem });
  }

  function fail(problem: string): void {
    retryAt = now() + backoff.next();
    enter({ name: "failed", problem });
  }

  async function listTools(client: Client): Promise<readonly ListedTool[]> {
    if (client.getServerCapabilities()?.tools === undefined) return [];
    const tools: ListedTool[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < mostPages && tools.length <= toolLimits.tools; page += 1) {
      const params = cursor === undefined ? {} : { cursor };
      const listed = await client.request({ method: "tools/list", params }, ListToolsResultSchema, {
        timeout: connectTimeoutMs,
      });
      tools.push(...listed.tools);
      cursor = listed.nextCursor;
      if (cursor === undefined) break;
    }
    return tools;
  }

  async function open(): Promise<ConnectionState> {
    if (ended || session !== undefined) return state;
    if (opening === undefined && now() < retryAt) return state;
    opening ??= connect().finally(() => (opening = undefined));
    await opening;
    return state;
  }

  /** Resolves also when the signal aborts: a server may take a minute to start. */
  async function openUnless(signal: AbortSignal): Promise<void> {
    const left = deferred<void>();
    const unlisten = onAbort(signal, left.resolve);
    await Promise.race([open(), left.promise]).finally(unlisten);
  }

  return {
    async settled() {
      await opening;
      return state;
    },
    get state() {
      return state;
    },
    open,
    async call(tool, given, signal) {
      await openUnless(signal);
      if (signal.aborted) return failedOutcome("failed", "The call was cancelled before it was sent.");
      if (session === undefined) {
        const why = state.name === "failed" ? state.problem : "it is closed";
        return failedOutcome("failed", `${server} cannot be used: ${why}. The call was not sent.`);
      }
      const { client } = session;
      // The SDK keeps listening to a signal after the call, and would tell the server that an ended call was cancelled.
      using leaving = linkSignals(signal);
      try {
        const result = await client.request(
          { method: "tools/call", params: { name: tool, arguments: { ...given } } },
          CallToolResultSchema,
          { timeout: options.callTimeoutMs, signal: leaving },
        );
        return outcomeOf(result);
      } catch (error) {
        if (signal.aborted) return failedOutcome("unknown", "The call was cancelled before its result came.");
        if (error instanceof McpError && error.code === (ErrorCode.RequestTimeout as number)) {
          return failedOutcome("unknown", `${server} gave no result within ${options.callTimeoutMs / 1_000} s.`);
        }
        // The server refused the call: its words are the tool's result.
        if (error instanceof McpError && error.code !== (ErrorCode.ConnectionClosed as number)) {
          return outcomeOf({ content: [{ type: "text", text: error.message }], isError: true });
        }
        const problem = broken ?? ownWords(error) ?? "its answer cannot be read";
        leaveSession(client, problem);
        return failedOutcome("unknown", `${server} was lost during the call: ${problem}.`);
      }
    },
    async close() {
      ended = true;
      const current = session?.client;
      session = undefined;
      await current?.close().catch(() => {});
      await starting?.close().catch(() => {});
      await opening?.catch(() => {});
      enter({ name: "closed" });
    },
  };
}

/** Errors of our transports are safe to show; of other errors only the kind is. */
function ownWords(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof McpError) {
    switch (error.code) {
      case ErrorCode.RequestTimeout as number:
        return `it did not answer within ${connectTimeoutMs / 1_000} s`;
      case ErrorCode.ConnectionClosed as number:
        return "its process or connection ended";
      default:
        return `it answered with the error code ${error.code}`;
    }
  }
  if (/^(?:it|its|the server) /.test(error.message)) return error.message;
  const status = (error as { readonly code?: unknown }).code;
  if (typeof status === "number" && status >= 100) return `it answered with HTTP status ${status}`;
  const cause = (error as { readonly cause?: { readonly code?: unknown; readonly message?: unknown } }).cause;
  if (typeof cause?.message === "string" && cause.message.startsWith("it sent ")) return cause.message;
  return typeof cause?.code === "string" ? `it cannot be reached (${cause.code})` : undefined;
}
