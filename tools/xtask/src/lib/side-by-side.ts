// Owns daemons side by side in one terminal: logs under coloured names, the first to leave ends all, and one Ctrl-C ends them cleanly.
import { exitCodes } from "@waggle/protocol";
import { sourceCommand, startDaemon, wayOut, type Daemon, type DaemonName } from "./daemons.ts";
import { prefixed, type Colour } from "./prefixed-logs.ts";
import { createProcessGroups } from "./process-group.ts";
import { until } from "./until.ts";

/** As long as the worker's own drain, and a little more. */
const leaveLimitMs = 35_000;
/** Under npx and pnpm one Ctrl-C arrives several times within milliseconds. */
const sameSignalMs = 300;

export interface DaemonSpec {
  readonly daemon: DaemonName;
  /** What its lines stand under. */
  readonly label: string;
  readonly colour: Colour;
  readonly flags: readonly string[];
}

/** Starts a daemon and resolves with its address once it listens. */
export type Start = (spec: DaemonSpec) => Promise<string>;

/**
 * Runs what `startAll` starts until Ctrl-C or until one of them leaves, then ends the others; what was started first ends last, so that
 * workers can say goodbye to their hive. A second Ctrl-C does not wait. Never returns: the process exits, and not with 0 when a daemon
 * left by itself.
 */
export async function runSideBySide(startAll: (start: Start) => Promise<void>): Promise<never> {
  const groups = createProcessGroups();
  const ending = new AbortController();
  process.on("exit", () => groups.killAll());
  endOnSignals(ending);
  const daemons: Daemon[] = [];

  async function start({ daemon: name, label, colour, flags }: DaemonSpec): Promise<string> {
    const write = prefixed(process.stdout, label, colour);
    const painted = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
    const daemon = await startDaemon(groups, {
      name,
      command: [...sourceCommand(name === "hive" ? "mock-hive" : "worker"), "--log-format", "pretty", ...flags],
      env: { ...process.env, ...painted },
      onLogLine: write,
      onUnexpectedExit: (_, exit) => {
        write(`the ${name} ${wayOut(exit)}`);
        process.exitCode = exit.code === null || exit.code === 0 ? 1 : exit.code;
        ending.abort();
      },
    });
    daemons.push(daemon);
    return (await until(daemon.listening, ending.signal)).url;
  }

  try {
    await startAll(start);
    await until(new Promise<never>(() => {}), ending.signal);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  }
  const [first, ...others] = daemons;
  await Promise.all(others.map(leave));
  if (first !== undefined) await leave(first);
  groups.killAll();
  process.exit(process.exitCode ?? 0);
}

async function leave(daemon: Daemon): Promise<void> {
  const exit = await daemon.stop(leaveLimitMs);
  if (exit === undefined) process.stderr.write(`The ${daemon.group.name} did not leave in time and was killed\n`);
}

function endOnSignals(ending: AbortController): void {
  let firstAt: number | undefined;
  const onSignal = (): void => {
    const now = performance.now();
    if (firstAt !== undefined && now - firstAt > sameSignalMs) process.exit(exitCodes.abortedByInterrupt);
    firstAt ??= now;
    ending.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
}
