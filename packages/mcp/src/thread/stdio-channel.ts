// Runs an MCP server as a child process, with one JSON message in each line of its stdin and stdout.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { deferred, sleep } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type { JsonObject } from "../connection/json.ts";
import { serverLimits as limits } from "../connection/limits.ts";
import type { ServerSpec } from "../servers/read-servers.ts";
import { rpcAnswer, createFlow, readMessages, replyTo } from "./messages.ts";
import type { Answer, Channel, ChannelEvents } from "./messages.ts";

export interface StdioOptions extends ChannelEvents {
  readonly transport: Extract<ServerSpec["transport"], { kind: "stdio" }>;
  /** The variables of the daemon that the server gets. All others come from the file. */
  readonly env: Readonly<Record<string, string>>;
  readonly now: () => number;
  /** Called with the process group of the server, which the daemon ends when this thread dies. */
  readonly onGroup: (pid: number) => void;
}

const lastProblem = "its process or connection ended";

export function createStdioChannel(options: StdioOptions): Channel {
  const { transport, now, onNotification, onEnd, onGroup } = options;
  const waiting = new Map<string, Deferred<Answer>>();
  const flow = createFlow(now);
  const gone = deferred<void>();
  let pieces: Buffer[] = [];
  let bytes = 0;
  let nextId = 0;
  let closing: Promise<void> | undefined;
  const child = spawn(transport.command, transport.args, {
    env: { ...options.env, ...transport.env },
    // What a server writes to stderr may hold secrets, so no log gets it.
    stdio: ["pipe", "pipe", "ignore"],
    // A separate group: `npx` and shells start the real server as their child. Ctrl-C in the terminal reaches the daemon alone.
    detached: true,
    windowsHide: true,
  });
  if (child.pid !== undefined) onGroup(child.pid);
  child.once("error", ({ code }: NodeJS.ErrnoException) => {
    end(code === "ENOENT" ? "its command was not found" : `its command cannot be started (${code})`);
    gone.resolve();
  });
  // Node closes the stdin of a command that has ended, so a server that the command left cannot be used, and is ended too.
  child.once("exit", () => end(lastProblem));
  child.once("close", () => gone.resolve());
  // The end of the process is reported by "exit".
  child.stdin.on("error", () => {});
  child.stdout.on("error", () => {});
  child.stdout.on("data", read);

  /** Ends the server, and with it all requests. */
  function end(problem: string): void {
    if (closing !== undefined) return;
    closing = stop();
    pieces = [];
    for (const answer of waiting.values()) answer.resolve({ kind: "lost", problem, wasSent: true });
    waiting.clear();
    onEnd(problem);
  }

  async function stop(): Promise<void> {
    const grace = async (): Promise<void> => await Promise.race([gone.promise, sleep(limits.graceMs, { ref: false })]);
    child.stdin.end();
    await grace();
    // The command may have ended before a server that it started. A group without processes gets no signal.
    signalGroup(child, "SIGTERM");
    await grace();
    signalGroup(child, "SIGKILL");
    child.stdout.destroy();
  }

  function read(chunk: Buffer): void {
    let rest = chunk;
    while (closing === undefined) {
      const lineEnd = rest.indexOf(10);
      const piece = lineEnd === -1 ? rest : rest.subarray(0, lineEnd);
      bytes += piece.length;
      if (bytes > limits.messageBytes) return end(`it sent a message of more than ${limits.messageBytes} bytes`);
      if (piece.length > 0) pieces.push(piece);
      const messages = lineEnd === -1 ? [] : readMessages(Buffer.concat(pieces).toString("utf8"));
      // A line without a message counts as one message.
      const problem = flow.add(lineEnd === -1 ? 0 : Math.max(1, messages.length), piece.length);
      if (problem !== undefined) return end(problem);
      if (lineEnd === -1) return;
      pieces = [];
      bytes = 0;
      rest = rest.subarray(lineEnd + 1);
      for (const message of messages) receive(message);
    }
  }

  function receive(message: JsonObject): void {
    const answer = rpcAnswer(message);
    if (answer !== undefined) {
      // Some servers repeat the number of a request as a text.
      waiting.get(String(message["id"]))?.resolve(answer);
      return;
    }
    const reply = replyTo(message);
    // A server that does not read gets no replies.
    if (reply !== undefined) write(reply);
    else onNotification(String(message["method"]));
  }

  /** @returns whether the server's stdin takes it */
  function write(message: JsonObject): boolean {
    const line = `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
    const hasRoom = child.stdin.writableLength === 0 || child.stdin.writableLength + line.length <= limits.waitingBytes;
    if (hasRoom) child.stdin.write(line);
    return hasRoom;
  }

  return {
    async request(method, params, { signal, onSent } = {}) {
      if (closing !== undefined || signal?.aborted === true)
        return { kind: "lost", problem: lastProblem, wasSent: false };
      nextId += 1;
      const id = nextId;
      const answer = deferred<Answer>();
      waiting.set(String(id), answer);
      onSent?.();
      if (!write({ id, method, params }))
        answer.resolve({ kind: "lost", problem: "it does not read its input", wasSent: false });
      const leave = (): void => {
        write({ method: "notifications/cancelled", params: { requestId: id, reason: "The caller left." } });
        answer.resolve({ kind: "lost", problem: "the request was cancelled", wasSent: true });
      };
      signal?.addEventListener("abort", leave, { once: true });
      try {
        return await answer.promise;
      } finally {
        signal?.removeEventListener("abort", leave);
        waiting.delete(String(id));
      }
    },
    notify: (method, params = {}) => void write({ method, params }),
    onInitialized() {},
    async close() {
      end("the connection was closed");
      await closing;
    },
  };
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // The group has ended.
  }
}
