// Owns how a test runs a real daemon: the harness's, with the log as text, its exit as one value, and gone when the test is over.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import {
  createProcessGroups,
  daemonCommand,
  startDaemon,
  waitFor,
  withoutSettings,
  type DaemonName,
  type Exit,
  type LogLine,
} from "@waggle/harness";
import type { StdoutLine } from "@waggle/protocol";

export interface Daemon {
  readonly url: string;
  readonly pid: number;
  /** All stdout lines so far, parsed. */
  readonly lines: readonly StdoutLine[];
  /** Everything on stderr so far. */
  readonly log: () => string;
  /** The log's JSON lines so far. */
  readonly logLines: () => readonly LogLine[];
  /** Resolves when a stdout line of this type has come. */
  line<T extends StdoutLine["type"]>(type: T): Promise<Extract<StdoutLine, { type: T }>>;
  /** Resolves when a log line fits, now or later. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>;
  signal(name: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
}

export interface SpawnOptions {
  readonly env?: Record<string, string>;
  /** How long to wait for any one thing. */
  readonly timeoutMs?: number;
}

const groups = createProcessGroups("tests");
const running = new Set<Promise<Exit>>();
const defaultTimeoutMs = 120_000;

/** For `afterEach`: whatever is left is killed, so that a failed test leaves nothing. */
export async function killDaemons(): Promise<void> {
  groups.killAll();
  await Promise.all(running);
  running.clear();
}

/** No setting of the developer's shell reaches a test. */
const envOf = ({ env }: SpawnOptions): NodeJS.ProcessEnv => ({ ...withoutSettings(process.env), ...env });
const codeOf = ({ code, signal }: Exit): number | NodeJS.Signals => code ?? signal ?? -1;

/** Resolves once it listens. @throws Error with its log when it leaves before */
export async function spawnDaemon(
  which: DaemonName,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Daemon> {
  const { timeoutMs = defaultTimeoutMs } = options;
  const told: string[] = [];
  const flags = ["--log-format", "json", ...args];
  const daemon = await startDaemon(groups, {
    name: which,
    flags,
    env: envOf(options),
    onLogLine: (line) => told.push(line),
  });
  running.add(daemon.exited);
  const log = (): string => told.join("\n");
  const withLog = (error: unknown): never => {
    throw new Error(`${String(error)}\n${log()}`, { cause: error });
  };
  const { url } = await daemon.line("listening", timeoutMs).catch(withLog);
  return {
    url,
    pid: daemon.pid,
    lines: daemon.lines,
    log,
    logLines: () => daemon.log.lines,
    line: (type) => daemon.line(type, timeoutMs).catch(withLog),
    logged: (fits) => daemon.log.line("a log line", fits, { limitMs: timeoutMs }).catch(withLog),
    signal: daemon.signal,
    exited: daemon.exited.then(codeOf),
  };
}

/** Runs to its end: for starts that must fail. */
export async function runDaemon(
  which: DaemonName,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const { exited } = await groups.start({
    name: which,
    command: [...daemonCommand(which), ...args],
    env: envOf(options),
    onStdoutLine: (line) => stdout.push(line),
    onLogLine: (line) => stderr.push(line),
  });
  running.add(exited);
  const exit = await waitFor(`the ${which} to leave`, exited, options.timeoutMs ?? defaultTimeoutMs);
  return { code: codeOf(exit), stdout: stdout.join("\n"), stderr: stderr.join("\n") };
}

/** A fake worker, ready. Extra flags win over these. */
export function spawnFakeWorker(
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<Daemon & { client: WorkerClient }> {
  return spawnModelWorker(["--backend", "fake", ...args], options);
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
