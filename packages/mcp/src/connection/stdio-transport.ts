// Runs an MCP server as a child process, with one JSON message in each line of its stdin and stdout. The SDK's own transport passes six environment
// variables of the daemon to the server, and has no limit on a flood of messages; so this one takes its place.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { JSONRPCMessageSchema } from "@modelcontextprotocol/sdk/types.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { sleep } from "@waggle/async";
import type { ServerSpec } from "../servers/read-servers.ts";

const stdioLimits = {
  /** Bytes of one message of the server. */
  messageBytes: 4_194_304,
  /** Messages that a server may send in `windowMs`. */
  messages: 1_000,
  windowMs: 1_000,
  /** Time between the end of the server's input and SIGTERM, and between SIGTERM and SIGKILL. */
  graceMs: 1_000,
} as const;

/** The variables of the daemon that a server gets. All others come from the file. */
const inherited = ["PATH", "HOME"] as const;

export interface StdioOptions {
  readonly transport: Extract<ServerSpec["transport"], { kind: "stdio" }>;
  /** The daemon's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
}

/** `onerror` is called with the reason before the server is stopped because it broke a limit. */
export function createStdioTransport({ transport: { command, args, env: given }, env, now }: StdioOptions): Transport {
  let child: ChildProcess | undefined;
  let closing: Promise<void> | undefined;
  let pieces: Buffer[] = [];
  let bytes = 0;
  let windowStart = now();
  let inWindow = 0;

  function broke(reason: string): void {
    if (closing !== undefined) return;
    transport.onerror?.(new Error(reason));
    pieces = [];
    void transport.close();
  }

  function read(chunk: Buffer): void {
    let rest = chunk;
    while (closing === undefined) {
      const end = rest.indexOf(10);
      const piece = end === -1 ? rest : rest.subarray(0, end);
      bytes += piece.length;
      if (bytes > stdioLimits.messageBytes) {
        return broke(`it sent a message of more than ${stdioLimits.messageBytes} bytes`);
      }
      if (piece.length > 0) pieces.push(piece);
      if (end === -1) return;
      const line = Buffer.concat(pieces).toString("utf8");
      pieces = [];
      bytes = 0;
      rest = rest.subarray(end + 1);
      receive(line);
    }
  }

  function receive(line: string): void {
    if (now() - windowStart > stdioLimits.windowMs) {
      windowStart = now();
      inWindow = 0;
    }
    inWindow += 1;
    if (inWindow > stdioLimits.messages) return broke(`it sent more than ${stdioLimits.messages} messages in a second`);
    const message = messageOf(line);
    // A line that is no message is ignored: some servers print a greeting.
    if (message !== undefined) transport.onmessage?.(message);
  }

  async function stop(running: ChildProcess): Promise<void> {
    const gone = new Promise<void>((resolve) => running.once("close", () => resolve()));
    const grace = async (): Promise<void> => await Promise.race([gone, sleep(stdioLimits.graceMs, { ref: false })]);
    running.stdin?.end();
    await grace();
    // The command may have ended before a server that it started. A group without processes gets no signal.
    signalGroup(running, "SIGTERM");
    await grace();
    signalGroup(running, "SIGKILL");
  }

  const transport: Transport = {
    start: () =>
      new Promise((resolve, reject) => {
        const names = inherited.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
        const started = spawn(command, args, {
          env: { ...Object.fromEntries(names), ...given },
          // What a server writes to stderr may hold secrets, so no log gets it.
          stdio: ["pipe", "pipe", "ignore"],
          // A separate group: `npx` and shells start the real server as their child. Ctrl-C in the terminal reaches the daemon alone.
          detached: true,
          windowsHide: true,
        });
        child = started;
        started.once("spawn", () => resolve());
        started.once("error", (error: NodeJS.ErrnoException) => {
          reject(
            new Error(
              error.code === "ENOENT" ? "its command was not found" : `its command cannot be started (${error.code})`,
            ),
          );
        });
        // Node closes the stdin of a command that has ended, so a server that the command left cannot be used, and is ended too.
        started.once("exit", () => void transport.close());
        started.once("close", () => {
          child = undefined;
          transport.onclose?.();
        });
        // The end of the process is reported by "close".
        started.stdin.on("error", () => {});
        started.stdout.on("error", () => {});
        started.stdout.on("data", read);
      }),
    send: (message) =>
      new Promise((resolve, reject) => {
        const input = child?.stdin;
        if (input == null || closing !== undefined) return reject(new Error("the server does not run"));
        input.write(`${JSON.stringify(message)}\n`, (error) => (error == null ? resolve() : reject(error)));
      }),
    async close() {
      if (child !== undefined) closing ??= stop(child);
      await closing;
    },
  };
  return transport;
}

function messageOf(line: string): JSONRPCMessage | undefined {
  try {
    return JSONRPCMessageSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // The group has ended.
  }
}
