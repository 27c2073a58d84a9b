// Owns how a test runs a real daemon: spawned from source, heard through its stdout lines, and gone when the test is over.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { withTimeout } from "@waggle/async";
import { createWorkerClient } from "@waggle/client";
import type { WorkerClient } from "@waggle/client";
import { StdoutLineSchema } from "@waggle/protocol";
import type { StdoutLine } from "@waggle/protocol";

const root = fileURLToPath(new URL("../../", import.meta.url));
const entries = { worker: "apps/worker/src/main.ts", hive: "apps/mock-hive/src/main.ts" } as const;

export interface Daemon {
  readonly url: string;
  readonly pid: number;
  /** All stdout lines so far, parsed. */
  readonly lines: readonly StdoutLine[];
  /** Everything on stderr so far. */
  readonly log: () => string;
  /** The log's JSON lines so far. */
  readonly logLines: () => Record<string, unknown>[];
  /** Resolves when a stdout line of this type has come. */
  line<T extends StdoutLine["type"]>(type: T): Promise<Extract<StdoutLine, { type: T }>>;
  /** Resolves when a log line fits, now or later. */
  logged(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  signal(name: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
}

export interface SpawnOptions {
  readonly env?: Record<string, string>;
  /** How long to wait for any one thing. */
  readonly timeoutMs?: number;
}

const running = new Set<ChildProcess>();

/** For `afterEach`: whatever is left is killed, so that a failed test leaves nothing. */
export async function killDaemons(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    }),
  );
  running.clear();
}

/** Resolves once it listens. @throws Error with its log when it leaves before */
export async function spawnDaemon(
  which: keyof typeof entries,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Daemon> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const child = spawn(
    process.execPath,
    [
      "--conditions=waggle-source",
      "--import",
      import.meta.resolve("tsx"),
      entries[which],
      "--log-format",
      "json",
      ...args,
    ],
    { cwd: root, stdio: ["ignore", "pipe", "pipe"], env: { ...cleanEnv(), ...options.env } },
  );
  running.add(child);
  let log = "";
  const lines: StdoutLine[] = [];
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watch of watchers) watch();
  };
  readLines(child.stdout, (text) => {
    lines.push(StdoutLineSchema.parse(JSON.parse(text)));
    changed();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    log += chunk.toString();
    changed();
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once("exit", (code, signal) => {
      running.delete(child);
      resolve(code ?? signal ?? -1);
      changed();
    }),
  );

  function logLines(): Record<string, unknown>[] {
    return log
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Resolves with the first value that `look` finds, now or after a change. */
  function when<T>(what: string, look: () => T | undefined): Promise<T> {
    const found = new Promise<T>((resolve, reject) => {
      const check = (): void => {
        const value = look();
        const over = child.exitCode !== null || child.signalCode !== null;
        if (value === undefined && !over) return;
        watchers.delete(check);
        if (value === undefined) reject(new Error(`The ${which} left before ${what}:\n${log}`));
        else resolve(value);
      };
      watchers.add(check);
      check();
    });
    return withTimeout(found, timeoutMs, `Waited ${timeoutMs} ms for ${what} of the ${which}`).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${log}`);
      },
    );
  }

  function line<T extends StdoutLine["type"]>(type: T): Promise<Extract<StdoutLine, { type: T }>> {
    const isWanted = (entry: StdoutLine): entry is Extract<StdoutLine, { type: T }> => entry.type === type;
    return when(`the line ${type}`, () => lines.find(isWanted));
  }
  const listening = await line("listening");
  return {
    url: listening.url,
    pid: listening.pid,
    lines,
    log: () => log,
    logLines,
    line,
    logged: (fits) => when("a log line", () => logLines().find(fits)),
    signal: (name) => void child.kill(name),
    exited,
  };
}

/** Runs to its end: for starts that must fail. */
export async function runDaemon(
  which: keyof typeof entries,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }> {
  const child = spawn(
    process.execPath,
    ["--conditions=waggle-source", "--import", import.meta.resolve("tsx"), entries[which], ...args],
    { cwd: root, stdio: ["ignore", "pipe", "pipe"], env: { ...cleanEnv(), ...options.env } },
  );
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await withTimeout(
    new Promise<number | NodeJS.Signals>((resolve) =>
      child.once("close", (exit, signal) => resolve(exit ?? signal ?? -1)),
    ),
    options.timeoutMs ?? 30_000,
    `The ${which} did not leave:\n${stderr}`,
  );
  running.delete(child);
  return { code, stdout, stderr };
}

/** A fake worker, ready. Extra flags win over these. */
export async function spawnFakeWorker(
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<Daemon & { client: WorkerClient }> {
  const daemon = await spawnDaemon("worker", ["--local-mode", "--port", "0", "--backend", "fake", ...args], options);
  await daemon.line("ready");
  return { ...daemon, client: createWorkerClient({ baseUrl: daemon.url }) };
}

/** A worker with the embedded model, ready. */
export async function spawnModelWorker(
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<Daemon & { client: WorkerClient }> {
  const daemon = await spawnDaemon("worker", ["--local-mode", "--port", "0", ...args], options);
  await daemon.line("ready");
  return { ...daemon, client: createWorkerClient({ baseUrl: daemon.url }) };
}

/** No setting of the developer's shell reaches a test. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("WAGGLE_")));
}

function readLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let rest = "";
  stream?.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) onLine(part);
  });
}
