// Owns daemons side by side in one terminal: logs under coloured names, the first to leave ends all, and one Ctrl-C ends them cleanly.
import {
  createProcessGroups,
  onEnding,
  startDaemon,
  until,
  wayOut,
  type Daemon,
  type DaemonName,
  type ProcessGroups,
} from "@waggle/testing/harness";
import { painter } from "./report.ts";

/** As long as the worker's own drain, and a little more. */
const leaveLimitMs = 35_000;
const labelWidth = 8;

export interface Neighbour {
  readonly daemon: DaemonName;
  /** What its lines stand under. */
  readonly label: string;
  readonly colour: "yellow" | "cyan" | "green" | "magenta" | "blue";
  readonly flags: readonly string[];
}

/** Starts a daemon and resolves with its address once it listens. */
export type Start = (neighbour: Neighbour) => Promise<string>;

/**
 * Runs what `startAll` starts until Ctrl-C or until one of them leaves, then ends the others; what was started first ends last, so that
 * workers can say goodbye to their hive. A second Ctrl-C does not wait. Never returns: the process exits, and not with 0 when a daemon
 * left by itself.
 * @throws what `startAll` throws, after what it had started is killed
 */
export async function runSideBySide(startAll: (start: Start, groups: ProcessGroups) => Promise<void>): Promise<never> {
  const groups = createProcessGroups("xtask");
  const ending = onEnding(() => groups.killAll(), "by themselves");
  const left = new AbortController();
  const over = AbortSignal.any([ending.signal, left.signal]);
  const { stdout } = process;
  const daemons: Daemon[] = [];

  async function start({ daemon: name, label, colour, flags }: Neighbour): Promise<string> {
    const prefix = painter(stdout)(colour, `${label.padEnd(labelWidth)}│`);
    const write = (line: string): void => void stdout.write(`${prefix} ${line}\n`);
    const daemon = await startDaemon(groups, {
      name,
      flags: ["--log-format", "pretty", ...flags],
      env: { ...process.env, ...(stdout.isTTY ? { FORCE_COLOR: "1" } : {}) },
      onLogLine: write,
      onUnexpectedExit: (_, exit) => {
        write(`the ${name} ${wayOut(exit)}`);
        process.exitCode = exit.code === null || exit.code === 0 ? 1 : exit.code;
        left.abort(new Error(`The ${name} has left`));
      },
    });
    daemons.push(daemon);
    return (await until(daemon.line("listening"), over)).url;
  }

  try {
    await startAll(start, groups);
    await until(new Promise<never>(() => {}), over);
  } catch (error) {
    if (!over.aborted) {
      groups.killAll();
      throw error;
    }
  }
  const [first, ...others] = daemons;
  await Promise.all(others.map(leave));
  if (first !== undefined) await leave(first);
  groups.killAll();
  process.exit(process.exitCode ?? 0);
}

async function leave(daemon: Daemon): Promise<void> {
  const exit = await daemon.stop(leaveLimitMs);
  if (exit === undefined) process.stderr.write(`The ${daemon.name} did not leave in time and was killed\n`);
}
