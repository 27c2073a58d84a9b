// Owns how the hive and the worker are started from their source. xtask spawns the apps; it never imports them.
import { deferred, withTimeout } from "@waggle/async";
import { StdoutLineSchema, type StdoutLine } from "@waggle/protocol";
import { createLogTail, type LogTail } from "./log-tail.ts";
import type { Exit, ProcessGroup, ProcessGroups } from "./process-group.ts";
import { repositoryPath } from "./repository.ts";

type Listening = Extract<StdoutLine, { type: "listening" }>;
type Ready = Extract<StdoutLine, { type: "ready" }>;
export type Command = readonly [file: string, ...args: string[]];

export interface Daemon {
  readonly group: ProcessGroup;
  readonly log: LogTail;
  /** These two stay pending when the daemon leaves before: `onUnexpectedExit` tells that. */
  readonly listening: Promise<Listening>;
  readonly ready: Promise<Ready>;
  /** Sends SIGTERM and waits for the exit; undefined when there was none within `limitMs`. */
  stop(limitMs: number): Promise<Exit | undefined>;
}

export type DaemonName = "hive" | "worker";

export interface DaemonSpec {
  readonly name: DaemonName;
  readonly command: Command;
  readonly env: NodeJS.ProcessEnv;
  readonly onLogLine?: (line: string) => void;
  readonly stdoutClosed?: boolean;
  /** The daemon has left and nobody had called `stop`. */
  readonly onUnexpectedExit?: (daemon: Daemon, exit: Exit) => void;
}

/** Node itself with tsx and the `source` condition: what a developer runs, in one process, without a build. */
export function sourceCommand(app: "mock-hive" | "worker"): Command {
  const tsx = import.meta.resolve("tsx");
  return [process.execPath, "--conditions=waggle-source", "--import", tsx, repositoryPath(`apps/${app}/src/main.ts`)];
}

/** Starts the daemon in a group of its own and follows what it says on stdout and in its log. */
export async function startDaemon(groups: ProcessGroups, spec: DaemonSpec): Promise<Daemon> {
  const log = createLogTail();
  const listening = deferred<Listening>();
  const ready = deferred<Ready>();
  const group = await groups.start({
    name: spec.name,
    command: spec.command,
    env: spec.env,
    stdoutClosed: spec.stdoutClosed === true,
    onStdoutLine: (line) => {
      const parsed = StdoutLineSchema.safeParse(jsonOf(line));
      if (!parsed.success) return;
      if (parsed.data.type === "listening") listening.resolve(parsed.data);
      else ready.resolve(parsed.data);
    },
    onLogLine: (line) => {
      log.add(line);
      spec.onLogLine?.(line);
    },
  });
  let stopping = false;
  const daemon: Daemon = {
    group,
    log,
    listening: listening.promise,
    ready: ready.promise,
    async stop(limitMs) {
      stopping = true;
      group.signal("SIGTERM");
      return withTimeout(group.exited, limitMs, "").catch(() => undefined);
    },
  };
  void group.exited.then((exit) => {
    if (!stopping) spec.onUnexpectedExit?.(daemon, exit);
  });
  return daemon;
}

/** "The worker left with exit code 75 while the model was loading: Cannot load model …", as far as its log tells why. */
export function departure(daemon: Daemon, exit: Exit, doing: string): string {
  const lastError = daemon.log.lastError();
  return `The ${daemon.group.name} ${wayOut(exit)} while ${doing}${lastError === undefined ? "" : `: ${lastError}`}`;
}

export function wayOut({ code, signal }: Exit): string {
  return signal === null ? `left with exit code ${code}` : `was ended by ${signal}`;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
