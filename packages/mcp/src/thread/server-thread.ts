// The thread of one MCP server: it owns the connection, parses and reads what the server sends, and reports outcomes and tools to the daemon's thread.
import { constants, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { inBackground } from "@waggle/async";
import type { CallOutcome } from "../connection/call-outcome.ts";
import type { JsonObject } from "../connection/json.ts";
import { serverLimits } from "../connection/limits.ts";
import { toolListOf } from "../connection/tool-list.ts";
import type { ToolList } from "../connection/tool-list.ts";
import type { ServerSpec } from "../servers/read-servers.ts";
import { createClient } from "./client.ts";
import { createHttpChannel } from "./http-channel.ts";
import { shrinkHeap } from "./idle-memory.ts";
import { createStdioChannel } from "./stdio-channel.ts";

export interface ServerThreadData {
  readonly spec: ServerSpec;
  /** The variables of the daemon that the server gets. */
  readonly env: Readonly<Record<string, string>>;
  readonly version: string;
}

export type ToServer =
  | { readonly kind: "call"; readonly id: number; readonly tool: string; readonly given: JsonObject }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "close" };

export type FromServer =
  /** The process group of the server. */
  | { readonly kind: "group"; readonly pid: number }
  /** The server is ready, or its list of tools changed. */
  | { readonly kind: "tools"; readonly list: ToolList }
  /** Nothing of the call was sent before this. */
  | { readonly kind: "sent"; readonly id: number }
  /** `lost`: why the connection ends with this call. */
  | { readonly kind: "outcome"; readonly id: number; readonly outcome: CallOutcome; readonly lost?: string }
  /** The connection ended, or did not begin. The thread ends itself. */
  | { readonly kind: "ended"; readonly problem: string };

const { spec, env, version } = workerData as ServerThreadData;
const calls = new Map<number, AbortController>();
let isEnded = false;

function post(message: FromServer): void {
  parentPort?.postMessage(message);
}

const now = (): number => performance.now();
const events = { onNotification: (method: string) => client.onNotification(method), onEnd: end };
const { transport } = spec;
const channel =
  transport.kind === "http"
    ? createHttpChannel({ ...events, transport, now })
    : createStdioChannel({ ...events, transport, env, now, onGroup: (pid) => post({ kind: "group", pid }) });
// On Linux each thread has a priority. The streams go first where a server sends much; the server itself has started before, with the usual priority.
if (process.platform === "linux") setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
setInterval(() => void shrinkHeap(), serverLimits.shrinkMs).unref();
const client = createClient({
  server: spec.name,
  version,
  channel,
  isHttp: transport.kind === "http",
  onTools: (listed, hasHeaders) =>
    post({ kind: "tools", list: toolListOf(spec.name, listed, spec.alwaysAllow, hasHeaders) }),
});

function end(problem: string): void {
  if (isEnded) return;
  isEnded = true;
  post({ kind: "ended", problem });
  const done = channel.close().finally(() => parentPort?.close());
  inBackground("close the channel", done);
}

async function call(id: number, tool: string, given: JsonObject): Promise<void> {
  const leaving = new AbortController();
  calls.set(id, leaving);
  const onSent = (): void => post({ kind: "sent", id });
  const { outcome, lost } = await client.call(tool, given, { signal: leaving.signal, onSent });
  calls.delete(id);
  // Other calls of the connection may still end.
  const isLast = lost !== undefined && calls.size === 0 && !leaving.signal.aborted;
  post({ kind: "outcome", id, outcome, ...(isLast ? { lost } : {}) });
  if (isLast) end(lost);
}

parentPort?.on("message", (message: ToServer) => {
  switch (message.kind) {
    case "call":
      return inBackground("run a call", call(message.id, message.tool, message.given));
    case "cancel":
      return calls.get(message.id)?.abort();
    case "close":
      return end("the connection was closed");
  }
});

const done = client.open().then((problem) => problem !== undefined && end(problem));
inBackground("connect", done);
