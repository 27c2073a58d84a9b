// Owns the daemons of a test file, which it kills, and the workers that the files of a test process share: each file that needs usual flags would
// otherwise start its own.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { createProcessGroups, daemonCommand, startDaemon, waitFor, withoutSettings } from "@waggle/testing/harness";
import type { Daemon, DaemonName, Exit } from "@waggle/testing/harness";

export interface Listening extends Daemon {
  readonly url: string;
}

export interface ListeningWorker extends Listening {
  readonly client: WorkerClient;
}

export interface SpawnOptions {
  readonly env?: Record<string, string>;
  /** Keep the daemon for the next files: `killDaemons` leaves it, and it ends with this process. */
  readonly shared?: boolean;
}

const groups = createProcessGroups("tests");
const running = new Set<Promise<Exit>>();
const leaveLimitMs = 120_000;

const sharedGroups = createProcessGroups("tests");
process.once("exit", sharedGroups.killAll);

/** Makes a start whose worker the files of this process share. Tests tell their jobs apart by session, job id and prompt. */
export function sharedOnce<T>(start: (options: SpawnOptions) => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => (started ??= start({ shared: true }));
}

/** A worker with the embedded model. */
export const usualWorker = sharedOnce((options) =>
  spawnModelWorker(["--slots", "8", "--queue-capacity", "256"], options),
);

/** For `afterEach`: kills all daemons, also after a failed test. */
export async function killDaemons(): Promise<void> {
  groups.killAll();
  await Promise.all(running);
  running.clear();
}

/** The environment without WAGGLE settings of the developer's shell. */
const envOf = ({ env }: SpawnOptions): NodeJS.ProcessEnv => ({ ...withoutSettings(process.env), ...env });

/** Resolves when the daemon listens. @throws Error with the reason from its log when it exits before */
export async function spawnDaemon(
  name: DaemonName,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Listening> {
  const flags = ["--log-format", "json", ...args];
  const daemon = await startDaemon(options.shared === true ? sharedGroups : groups, {
    name,
    flags,
    env: envOf(options),
  });
  if (options.shared !== true) running.add(daemon.exited);
  const { url } = await daemon.line("listening");
  return { ...daemon, url };
}

/** Runs a daemon until it exits: for starts that must fail. */
export async function runDaemon(
  name: DaemonName,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Exit & { stdout: string; stderr: string }> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const { exited } = await groups.start({
    name,
    command: [...daemonCommand(name), ...args],
    env: envOf(options),
    onStdoutLine: (line) => stdout.push(line),
    onLogLine: (line) => stderr.push(line),
  });
  running.add(exited);
  const exit = await waitFor(`the ${name} to exit`, exited, leaveLimitMs);
  return { ...exit, stdout: stdout.join("\n"), stderr: stderr.join("\n") };
}

/** Resolves when a worker with the fake backend is ready. `args` override the default flags. */
export function spawnFakeWorker(args: readonly string[] = [], options: SpawnOptions = {}): Promise<ListeningWorker> {
  return spawnModelWorker(["--backend", "fake", ...args], options);
}

/** Resolves when a worker with the fake backend is ready that requires this API token, as on a network. */
export async function spawnGuardedWorker(token: string): Promise<Listening> {
  const env = { WAGGLE_API_TOKEN: token };
  const worker = await spawnDaemon("worker", ["--port", "0", "--host", "127.0.0.1", "--backend", "fake"], { env });
  await worker.line("ready");
  return worker;
}

/** Resolves when a worker with the embedded model is ready. `args` override the default flags. */
export async function spawnModelWorker(
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<ListeningWorker> {
  const daemon = await spawnDaemon("worker", ["--local-mode", "--port", "0", ...args], options);
  await daemon.line("ready");
  return { ...daemon, client: createWorkerClient({ baseUrl: daemon.url }) };
}
