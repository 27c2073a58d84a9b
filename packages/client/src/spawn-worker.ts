// Starts a temporary worker as a process on a free port, waits until the worker is ready, and ends the worker when the caller ends.
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { TimeoutError, unlessAborted, withTimeout } from "@waggle/async";
import { StdoutLineSchema, type StdoutLine } from "@waggle/protocol";

export { workerEnvironment } from "./worker-environment.ts";

export interface SpawnOptions {
  readonly command: readonly string[];
  /** Flags in addition to the flags of every temporary worker. */
  readonly flags?: readonly string[];
  /** The result of `workerEnvironment`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The stdout line to wait for: `listening` when the port is open, `ready` when the model is loaded. */
  readonly until: StdoutLine["type"];
  /** Time limit for the awaited line. */
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface SpawnedWorker extends AsyncDisposable {
  readonly url: string;
  /** The reason of the last error in the worker's log. */
  lastError(): string | undefined;
  /** Resolves when the process has ended. */
  close(): Promise<void>;
}

/** The worker ended before it was ready, or was not ready in time. */
export class SpawnError extends Error {
  override readonly name = "SpawnError";
  /** The last error in the worker's log. */
  readonly reason: string | undefined;
  /** Null if a signal ended the worker, or if it did not start. */
  readonly exitCode: number | null;

  constructor(message: string, reason: string | undefined, exitCode: number | null) {
    super(message);
    this.reason = reason;
    this.exitCode = exitCode;
  }
}

/** Time to exit after SIGTERM, before the worker is killed. */
const leaveLimitMs = 10_000;
/** Number of characters that are kept from the end of the worker's log, to find the reason of a failure. */
const maxLogChars = 64 * 1_024;
/** Prefix of the lines that the program prints before it can log. */
const programPrefix = "waggle: ";
/** Flags for a free port and a JSON log. */
const usualFlags = ["--local-mode", "--port", "0", "--log-format", "json", "--log-level", "warn"];

/** @throws SpawnError; after an abort, the signal's reason */
export async function spawnWorker(options: SpawnOptions): Promise<SpawnedWorker> {
  const { command, flags = [], env, until, limitMs, signal } = options;
  signal?.throwIfAborted();
  const [file = "", ...args] = command;
  const child = spawn(file, [...args, ...usualFlags, ...flags], {
    env,
    // A separate process group, since the caller handles Ctrl-C. When the caller ends, the IPC channel closes, and the worker ends too.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const log = keepLog(child);
  const gone = new Promise<number | null>((resolve) => {
    // Wait for "close" instead of "exit", so that the whole log has been read.
    child.once("close", (code) => resolve(code)).once("error", () => resolve(null));
  });
  const close = async (): Promise<void> => {
    child.kill("SIGTERM");
    await withTimeout(gone, leaveLimitMs, "").catch(() => child.kill("SIGKILL"));
    await gone;
  };
  try {
    const failed = gone.then((code) => {
      throw new SpawnError(`it ended with ${code === null ? "a signal" : `exit code ${code}`}`, log.lastError(), code);
    });
    const line = unlessAborted(Promise.race([lineOf(child, until), failed]), signal);
    const { url } = await withTimeout(line, limitMs, "").catch((error: unknown) => {
      if (!(error instanceof TimeoutError)) throw error;
      throw new SpawnError(`it was not ready within ${limitMs / 1_000} s`, undefined, null);
    });
    return { url, lastError: log.lastError, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function lineOf({ stdout }: ChildProcess, type: StdoutLine["type"]): Promise<StdoutLine> {
  return await new Promise((resolve) => {
    if (stdout === null) return;
    createInterface({ input: stdout }).on("line", (text) => {
      const line = StdoutLineSchema.safeParse(objectIn(text)).data;
      if (line?.type === type) resolve(line);
    });
  });
}

function keepLog({ stderr }: ChildProcess): { lastError(): string | undefined } {
  let text = "";
  stderr?.setEncoding("utf8").on("data", (chunk: string) => (text = (text + chunk).slice(-maxLogChars)));
  return { lastError: () => lastErrorOf(text) };
}

/** The last error of a log: from its JSON lines, otherwise from the text that the program printed before logging began. */
export function lastErrorOf(log: string): string | undefined {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  const logged = lines.map(errorIn).findLast((reason) => reason !== undefined);
  const printed = lines.filter((line) => !line.startsWith("{"));
  const complaint = printed.find((line) => line.includes("Error: ")) ?? printed[0];
  return logged ?? (complaint?.startsWith(programPrefix) === true ? complaint.slice(programPrefix.length) : complaint);
}

function errorIn(line: string): string | undefined {
  const { level, msg, err, reason } = objectIn(line) ?? {};
  if (level !== "error" && level !== "fatal") return undefined;
  const message = (err as { message?: unknown } | undefined)?.message ?? reason ?? msg;
  return typeof message === "string" ? message : undefined;
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
