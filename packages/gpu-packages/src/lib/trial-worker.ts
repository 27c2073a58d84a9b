// Owns a worker that is started to be asked a few things: ready or refused with its own reason, and gone in the end.
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { withTimeout } from "@waggle/async";
import { StdoutLineSchema, WaggleError } from "@waggle/protocol";

export interface TrialWorker extends AsyncDisposable {
  readonly url: string;
}

export interface TrialWorkerOptions {
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
}

/** A GPU's driver may compile its kernels when they are first loaded. */
const readyLimitMs = 300_000;
const leaveLimitMs = 15_000;
/** The embedded model; a port that is free; its log as data. A first step in which a driver compiles is no hung engine. */
const flags = [
  ...["--local-mode", "--port", "0", "--log-format", "json", "--prefix-store-size", "0"],
  ...["--load-timeout", `${readyLimitMs}ms`, "--watchdog-timeout", `${readyLimitMs}ms`],
];

/** @throws WaggleError unavailable with what its log says when it leaves before it is ready; the signal's reason */
export async function startTrialWorker({ command, env, signal }: TrialWorkerOptions): Promise<TrialWorker> {
  const [file = "", ...args] = command;
  const child = spawn(file, [...args, ...flags], { env: withoutSettings(env), stdio: ["ignore", "pipe", "pipe"] });
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    const message = errorIn(line);
    if (message !== undefined) errors.push(message);
  });
  const abort = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", abort, { once: true });
  const end = async (): Promise<void> => {
    signal?.removeEventListener("abort", abort);
    await leave(child);
  };
  try {
    const url = await withTimeout(readyUrl(child), readyLimitMs, "it was not ready in time");
    return { url, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    signal?.throwIfAborted();
    const reason = errors.at(-1) ?? (error as Error).message;
    // A line of its log begins with the event's name.
    throw new WaggleError("unavailable", reason.replace(/^[a-z]+(_[a-z]+)+: /, ""), { cause: error });
  }
}

/** @throws Error when it leaves before it is ready */
async function readyUrl(child: ChildProcess): Promise<string> {
  const ready = new Promise<string>((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = StdoutLineSchema.safeParse(dataIn(text)).data;
      if (line?.type === "ready") resolve(line.url);
    });
  });
  // "close" and not "exit": then its log has been read as well.
  const gone = once(child, "close").then(([code, signal]) => {
    throw new Error(`the worker left with ${String(code ?? signal)}`);
  });
  return await Promise.race([ready, gone]);
}

async function leave(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "close");
  child.kill("SIGTERM");
  await withTimeout(gone, leaveLimitMs, "").catch(async () => {
    child.kill("SIGKILL");
    await gone;
  });
}

function errorIn(line: string): string | undefined {
  const { level, msg } = (dataIn(line) ?? {}) as { readonly level?: string; readonly msg?: string };
  return level === "error" || level === "fatal" ? msg : undefined;
}

function dataIn(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** A setting of whoever asks, as a token or a model, is none of this worker's. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("WAGGLE_")));
}
