// Owns a worker under test: spawned from source in a process group of its own, heard through its log and its metrics.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { startDaemon, type Command } from "../daemons.ts";
import { killGroup, type Exit, type ProcessGroups } from "../process-group.ts";
import { createLogWatch, type LogLine, type LogWatch } from "./log-watch.ts";
import { parseMetrics, type Metrics } from "./metrics.ts";
import { stopwatch, waitFor } from "./waits.ts";

/** From its spawn to the ready line; a machine under load compiles TypeScript slowly. */
const startLimitMs = 60_000;

export interface WorkerSpec {
  readonly command: Command;
  readonly env: NodeJS.ProcessEnv;
  /** Resolve as soon as the port is open, while the model still loads. */
  readonly loading?: boolean;
  /** Nobody reads its stdout: the pipe is closed before it writes a line. */
  readonly stdoutClosed?: boolean;
}

export interface ChaosWorker extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Milliseconds from the engine's start to the model being ready, the first time; NaN while it loads. */
  readonly firstLoadMs: number;
  readonly client: WorkerClient;
  readonly log: LogWatch;
  /** Of the newest engine. */
  enginePid(): number;
  metrics(): Promise<Metrics>;
  /** To the worker alone. */
  signal(name: NodeJS.Signals): void;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** The end of its group, at once. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** @throws Error with the end of its log when it does not get as far as it should */
export async function startWorker(groups: ProcessGroups, spec: WorkerSpec): Promise<ChaosWorker> {
  const log = createLogWatch();
  const daemon = await startDaemon(groups, {
    name: "worker",
    command: spec.command,
    env: spec.env,
    onLogLine: (line) => log.add(line),
    ...(spec.stdoutClosed === undefined ? {} : { stdoutClosed: spec.stdoutClosed }),
  });
  const { group } = daemon;
  const exited = group.exited.finally(() => log.end());
  const url = await started(daemon.log.explanation, async () => {
    const { url } = await log.line("the worker's port", named("listening"), { limitMs: startLimitMs });
    if (spec.loading !== true)
      await log.line("the worker to be ready", named("model_ready"), { limitMs: startLimitMs });
    return String(url);
  });
  const client = createWorkerClient({ baseUrl: url });
  return {
    url,
    pid: group.pid,
    get firstLoadMs() {
      return timeBetween(log.lines.find(named("engine_start")), log.lines.find(named("model_ready")));
    },
    client,
    log,
    enginePid: () => Number(log.lines.findLast(named("engine_start"))?.["engine_pid"]),
    metrics: async () => parseMetrics(await client.metrics()),
    signal: (name) => group.signal(name),
    exited,
    async [Symbol.asyncDispose]() {
      killGroup(group.pid);
      await waitFor("a killed worker to be gone", exited);
    },
  };
}

async function started<T>(explanation: () => string[], start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const lines = explanation();
    const telling = lines.find((line) => /error|cannot/i.test(line)) ?? lines.at(-1) ?? "nothing";
    throw new Error(`Cannot start the worker: ${reason}. Its log says: ${telling}`, { cause: error });
  }
}

/** Log lines with this message. */
export function named(message: string): (line: LogLine) => boolean {
  return ({ msg }) => msg === message;
}

/** Log lines with this message about this job. */
export function told(message: string, job: string): (line: LogLine) => boolean {
  return (line) => line["msg"] === message && line["job"] === job;
}

/** Milliseconds by the log's own clock; NaN where one of the two is missing, which is within no limit. */
export function timeBetween(earlier: LogLine | undefined, later: LogLine | undefined): number {
  return Date.parse(String(later?.["time"])) - Date.parse(String(earlier?.["time"]));
}

/** The exit within the limit, and how long it took. @throws TimeoutError */
export async function exitOf(worker: ChaosWorker, limitMs?: number): Promise<Exit & { readonly ms: number }> {
  const elapsed = stopwatch();
  const exit = await waitFor("the worker's exit", worker.exited, limitMs);
  return { ...exit, ms: elapsed() };
}
