// Owns a daemon: started from its source in a separate group, observed through its stdout lines and its log, and gone in the end.
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
  /** What it has written to stdout. */
  readonly lines: readonly StdoutLine[];
  /** Its line of this type, come or still to come. @throws Error with the reason from its log when it leaves before; TimeoutError */
  line<T extends StdoutLine["type"]>(type: T, limitMs?: number): Promise<Line<T>>;
  /** Resolves when it has left and its output has been read; never rejects. */
  readonly exited: Promise<Exit>;
  /** To the daemon alone, as a supervisor would. */
  signal(name: NodeJS.Signals): void;
  /** Sends SIGTERM and waits for the exit; undefined when it did not leave within `limitMs`. */
  stop(limitMs: number): Promise<Exit | undefined>;
  /** The end of its group, at once. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface DaemonSpec {
  readonly name: DaemonName;
  /** `daemonCommand` by default. */
  readonly command?: Command;
  readonly flags: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly onLogLine?: (line: string) => void;
  /** The daemon has left without a call of `stop`. */
  readonly onUnexpectedExit?: (daemon: Daemon, exit: Exit) => void;
}

/** From its spawn to its first line; a machine under load compiles TypeScript slowly. */
const lineLimitMs = 120_000;

/**
 * Node itself with tsx: what a developer runs, in one process, without a build. Where `WAGGLE_DAEMONS` is
 * `build`, as in the tests, which build first, the build: it starts in half of the time.
 */
export function daemonCommand(name: DaemonName, nodeFlags: readonly string[] = []): Command {
  const folder = `apps/${name === "hive" ? "mock-hive" : name}`;
  if (process.env["WAGGLE_DAEMONS"] === "build")
    return [process.execPath, ...nodeFlags, repositoryPath(`${folder}/dist/main.js`)];
  const source = ["--import", import.meta.resolve("tsx")];
  return [process.execPath, ...source, ...nodeFlags, repositoryPath(`${folder}/src/main.ts`)];
}

/**
 * No setting of the calling process reaches a daemon: a WAGGLE_API_TOKEN alone would keep a worker in local mode from starting, and
 * OpenTelemetry's variables would have it send traces.
 */
export function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(WAGGLE|OTEL)_/.test(name)));
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
    const reason = `it ${wayOut(exit)}: ${log.lastError() ?? log.explanation().at(-1) ?? "and logged nothing"}`;
    log.end(reason);
    lines.end(reason);
  });
  return daemon;
}

/** "The worker left with exit code 75 while the model was loading: Cannot load model …", as far as its log tells why. */
export function departure({ name, log }: Daemon, exit: Exit, doing: string): string {
  const lastError = log.lastError();
  return `The ${name} ${wayOut(exit)} while ${doing}${lastError === undefined ? "" : `: ${lastError}`}`;
}

export function wayOut({ code, signal }: Exit): string {
  return signal === null ? `left with exit code ${code}` : `was ended by ${signal}`;
}

/** The exit within the limit, and how long it took. @throws TimeoutError */
export async function exitOf({ name, exited }: Daemon, limitMs?: number): Promise<Exit & { readonly ms: number }> {
  const elapsed = stopwatch();
  const exit = await waitFor(`the ${name}'s exit`, exited, limitMs);
  return { ...exit, ms: elapsed() };
}
