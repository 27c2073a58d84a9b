// Owns a daemon in a separate process group: its start, its stdout lines and its log, and its end.
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withTimeout } from "@waggle/async";
import { StdoutLineSchema, type StdoutLine } from "@waggle/protocol";
import { createArrivals } from "../arrivals.ts";
import { createLog, objectIn, type Log } from "./log.ts";
import { killGroup, type Exit, type ProcessGroups } from "./process-group.ts";
import { repositoryPath } from "./repository.ts";
import { stopwatch, waitFor } from "../wait.ts";

export type Command = readonly [file: string, ...args: string[]];
export type DaemonName = "hive" | "worker" | "gateway";
type Line<T extends StdoutLine["type"]> = Extract<StdoutLine, { type: T }>;

export interface Daemon extends AsyncDisposable {
  readonly name: DaemonName;
  readonly pid: number;
  readonly log: Log;
  /** Lines of stdout so far. */
  readonly lines: readonly StdoutLine[];
  /** Resolves with the first line of this type, past or future. @throws Error with the log's reason when the daemon exits before; TimeoutError */
  line<T extends StdoutLine["type"]>(type: T, limitMs?: number): Promise<Line<T>>;
  /** Resolves when the daemon has exited and its output has been read; never rejects. */
  readonly exited: Promise<Exit>;
  /** Sends a signal to the daemon, not to its group, as a supervisor does. */
  signal(name: NodeJS.Signals): void;
  /** Sends SIGTERM and waits for the exit; undefined when the daemon does not exit within `limitMs`. */
  stop(limitMs: number): Promise<Exit | undefined>;
  /** Kills the process group; resolves when the daemon has exited. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface DaemonSpec {
  readonly name: DaemonName;
  /** `daemonCommand(name)` by default. */
  readonly command?: Command;
  readonly flags: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly onLogLine?: (line: string) => void;
  /** Called when the daemon exits without a call of `stop`. */
  readonly onUnexpectedExit?: (daemon: Daemon, exit: Exit) => void;
}

/** Longest wait for a stdout line, long enough for a start under load, where compiling TypeScript is slow. */
const lineLimitMs = 120_000;

/**
 * Runs the daemon's source with Node and tsx in one process. With `WAGGLE_DAEMONS=build`, runs the build, which starts in half of the time;
 * the tests build first and set this variable.
 */
export function daemonCommand(name: DaemonName, nodeFlags: readonly string[] = []): Command {
  const folder = `apps/${name === "hive" ? "mock-hive" : name}`;
  if (process.env["WAGGLE_DAEMONS"] === "build")
    return [process.execPath, ...nodeFlags, repositoryPath(`${folder}/dist/main.js`)];
  const source = ["--import", import.meta.resolve("tsx")];
  return [process.execPath, ...source, ...nodeFlags, repositoryPath(`${folder}/src/main.ts`)];
}

/**
 * The environment without Waggle's settings: a WAGGLE_API_TOKEN would keep a worker in local mode from starting. The state folder is
 * separate, because a worker stores in it which model was used last, and loads this model if no model is named.
 */
export function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const others = Object.entries(env).filter(([name]) => !name.startsWith("WAGGLE_"));
  return { ...Object.fromEntries(others), XDG_STATE_HOME: join(tmpdir(), "waggle-state") };
}

export async function startDaemon(groups: ProcessGroups, spec: DaemonSpec): Promise<Daemon> {
  const { name, command = daemonCommand(name), env = withoutSettings(process.env) } = spec;
  const log = createLog();
  const lines = createArrivals<StdoutLine>(name);
  const group = await groups.start({
    name,
    command: [...command, ...spec.flags],
    env,
    onStdoutLine: (text) => {
      const parsed = StdoutLineSchema.safeParse(objectIn(text));
      if (parsed.success) lines.add(parsed.data);
    },
    onLogLine: (text) => {
      log.add(text);
      spec.onLogLine?.(text);
    },
  });
  let stopping = false;
  const daemon: Daemon = {
    name,
    pid: group.pid,
    log,
    lines: lines.items,
    line<T extends StdoutLine["type"]>(type: T, limitMs = lineLimitMs) {
      const isWanted = (line: StdoutLine): line is Line<T> => line.type === type;
      return lines.first(`its line "${type}"`, isWanted, { limitMs });
    },
    exited: group.exited,
    signal: group.signal,
    async stop(limitMs) {
      stopping = true;
      group.signal("SIGTERM");
      return withTimeout(group.exited, limitMs, "").catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      killGroup(group.pid);
      await waitFor(`a killed ${name} to be gone`, group.exited);
    },
  };
  void group.exited.then((exit) => {
    if (!stopping) spec.onUnexpectedExit?.(daemon, exit);
    const reason = `it ${wayOut(exit)}: ${log.lastError() ?? log.explanation().at(-1) ?? "its log is empty"}`;
    log.end(reason);
    lines.end(reason);
  });
  return daemon;
}

/** A sentence such as "The worker left with exit code 75 while the model was loading: Cannot load model …", with the last error of the log. */
export function departure({ name, log }: Daemon, exit: Exit, doing: string): string {
  const lastError = log.lastError();
  return `The ${name} ${wayOut(exit)} while ${doing}${lastError === undefined ? "" : `: ${lastError}`}`;
}

export function wayOut({ code, signal }: Exit): string {
  return signal === null ? `left with exit code ${code}` : `was ended by ${signal}`;
}

/** Waits for the exit; `ms` is the time of the wait. @throws TimeoutError */
export async function exitOf({ name, exited }: Daemon, limitMs?: number): Promise<Exit & { readonly ms: number }> {
  const elapsed = stopwatch();
  const exit = await waitFor(`the ${name}'s exit`, exited, limitMs);
  return { ...exit, ms: elapsed() };
}
