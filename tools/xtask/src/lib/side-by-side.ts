// Runs several daemons in one terminal: log lines have coloured names, the exit of one daemon ends all, and one Ctrl-C ends all cleanly.
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

/** Time limit for a daemon's exit, slightly longer than the worker's drain. */
const leaveLimitMs = 35_000;
const labelWidth = 8;

export interface Neighbour {
  readonly daemon: DaemonName;
  /** Prefix of the daemon's log lines. */
  readonly label: string;
  readonly colour: "yellow" | "cyan" | "green" | "magenta" | "blue";
  readonly flags: readonly string[];
}

/** Starts a daemon and resolves with its address once it listens. */
export type Start = (neighbour: Neighbour) => Promise<string>;

/**
 * Runs the daemons of `startAll` until Ctrl-C or until one of them exits. Then ends the first daemon last, so that workers can deregister at
 * their hive. A second Ctrl-C ends all daemons at once. Never returns: the process exits, with an error code if a daemon exited by itself.
 * @throws the error of `startAll`, after the started daemons were killed
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
