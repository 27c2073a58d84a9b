// Owns a worker for the time of one command: this program once more, as `serve` on a free port, which leaves with us whatever ends us.
import { fork, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { withTimeout } from "@waggle/async";
import { StdoutLineSchema, exitCodes as codes, type StdoutLine } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";
import type { CliConfig } from "../config.ts";
import { ownEnvironment } from "../local/own-environment.ts";

/** From the process's start until its port is open. */
const listenLimitMs = 60_000;
/** To leave when it is told to; then it is killed. */
const leaveLimitMs = 10_000;
/** Most of its log that is kept for an error. */
const maxLogBytes = 64 * 1_024;

export interface OwnWorker {
  readonly url: string;
  readonly client: WorkerClient;
  /** Its last words, for whom it failed. */
  lastError(): string | undefined;
  /** Resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** @param models names, files or references; its own model where there is none @throws CliError with its own reason when it does not start */
export async function startOwnWorker(
  config: Pick<CliConfig, "entry" | "env">,
  models: readonly string[],
  signal: AbortSignal,
  flags: readonly string[] = [],
): Promise<OwnWorker> {
  signal.throwIfAborted();
  const words = [
    "serve",
    ...models,
    "--local-mode",
    "--port",
    "0",
    "--log-format",
    "json",
    "--log-level",
    "warn",
    ...flags,
  ];
  const child = fork(config.entry.path, words, {
    execArgv: [...config.entry.execArgv],
    env: { ...ownEnvironment(config.env) },
    // A group of its own: a Ctrl-C is for us to hand on. When we are gone, the channel closes, and it leaves.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const log = keepLog(child);
  const gone = new Promise<number | null>((resolve) => {
    child.once("close", (code) => resolve(code)).once("error", () => resolve(null));
  });
  const close = async (): Promise<void> => {
    child.kill("SIGTERM");
    await withTimeout(gone, leaveLimitMs, "").catch(() => child.kill("SIGKILL"));
    await gone;
  };
  const interrupted = new Promise<never>((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
  );
  interrupted.catch(() => {});
  try {
    const failed = gone.then((code) => {
      // Its own words, and its own code: the mistake is the same whoever makes it.
      const why = log.lastError();
      if (why !== undefined && code !== null && isTold(code)) throw new CliError(why, code);
      throw new CliError(`Cannot start a worker: ${why ?? "it left and did not say why"}`);
    });
    failed.catch(() => {});
    const listening = firstLine(child, "listening");
    const { url } = await withTimeout(
      Promise.race([listening, failed, interrupted]),
      listenLimitMs,
      `Cannot start a worker: it opened no port within ${listenLimitMs / 1_000} s.`,
    );
    return { url, client: createWorkerClient({ baseUrl: url }), lastError: log.lastError, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** With these a worker leaves for a reason that it has told: the mistake, the model, or the port. */
function isTold(code: number): boolean {
  const { badConfiguration, fileUnusable, unavailable, modelCannotBeLoaded } = codes;
  return [badConfiguration, fileUnusable, unavailable, modelCannotBeLoaded].some((told) => told === code);
}

async function firstLine<T extends StdoutLine["type"]>(
  child: ChildProcess,
  type: T,
): Promise<Extract<StdoutLine, { type: T }>> {
  if (child.stdout === null) throw new CliError("Cannot start a worker: it has no output.", exitCodes.failed);
  return await new Promise((resolve) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (text) => {
      const line = parseLine(text);
      if (line?.type === type) resolve(line as Extract<StdoutLine, { type: T }>);
    });
  });
}

function parseLine(text: string): StdoutLine | undefined {
  try {
    return StdoutLineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function keepLog(child: ChildProcess): { lastError(): string | undefined } {
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (text = (text + chunk).slice(-maxLogBytes)));
  return { lastError: () => lastErrorOf(text) };
}

/** What a log says last: the reason of its last error where it tells one, in its JSON lines or in plain words. */
export function lastErrorOf(log: string): string | undefined {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  for (const line of lines.toReversed()) {
    const told = messageIn(line);
    if (told !== undefined) return told;
  }
  const thrown = lines.map((line) => /^\w*Error: (.+)$/.exec(line)?.[1]).find((reason) => reason !== undefined);
  return thrown ?? lines.find((line) => !line.startsWith("{"))?.replace(/^waggle: /, "");
}

function messageIn(line: string): string | undefined {
  try {
    const { level, msg, err, reason } = JSON.parse(line) as Record<string, unknown>;
    if (!["error", "fatal", 50, 60].includes(level as string)) return undefined;
    const message = (err as { message?: unknown } | undefined)?.message ?? reason ?? msg;
    // The worker's log names the event before its reason: "engine_died: Cannot load …".
    return typeof message === "string" ? message.replace(/^[a-z]+(_[a-z]+)+: /, "") : undefined;
  } catch {
    return undefined;
  }
}
