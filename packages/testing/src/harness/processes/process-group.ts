// Owns processes that each lead a process group, so that all their descendants can be signalled and killed at once.
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { deferred } from "@waggle/async";

export interface GroupSpec {
  readonly name: string;
  readonly command: readonly [file: string, ...args: string[]];
  readonly env: NodeJS.ProcessEnv;
  /** Working directory; by default that of this process. */
  readonly cwd?: string;
  readonly onStdoutLine?: (line: string) => void;
  readonly onLogLine?: (line: string) => void;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessGroup {
  readonly pid: number;
  /** Resolves when the leader has exited and its output has been read; never rejects. */
  readonly exited: Promise<Exit>;
  /** Sends a signal to the leader only, as a supervisor does. */
  signal(signal: NodeJS.Signals): void;
}

export interface ProcessGroups {
  /** @throws Error when the command cannot be started */
  start(spec: GroupSpec): Promise<ProcessGroup>;
  /** Sends SIGKILL to every group. Synchronous, so that it also works while this process exits. */
  killAll(): void;
}

/** Longest wait for the end of the output after the leader's exit, since a descendant may keep the pipe open. In ticks: this process may pause. */
const outputTicks = 50;
const tickMs = 10;

/**
 * Every process gets an IPC channel. Daemons exit when it closes, so that a SIGKILL of this process ends them too. Other programs have a guard.
 * @param owner shown in the command line of each Node process that is started
 */
export function createProcessGroups(owner: string): ProcessGroups {
  const leaders: number[] = [];
  return {
    start: (spec) => startGroup(spec, marked(spec, owner), (pid) => void leaders.push(pid)),
    killAll() {
      for (const leader of leaders.splice(0)) killGroup(leader);
    },
  };
}

/** A Node flag that marks processes: the process table shows the flag, and engines inherit it. No package has exports for this condition. */
const markFlag = "--conditions=started-by";

function marked({ name, command: [file, ...args] }: GroupSpec, owner: string): GroupSpec["command"] {
  const mark = `${markFlag}-${owner}-${process.pid}-${name}`;
  return file === process.execPath ? [file, mark, ...args] : [file, ...args];
}

/** Sends SIGKILL to all members of the group that `leader` leads or led. */
export function killGroup(leader: number): void {
  killProcess(-leader);
}

/** Sends a signal to all members of the group: SIGSTOP freezes them, SIGCONT resumes them. Does nothing after their exit. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  signalProcess(-leader, signal);
}

export function killProcess(pid: number): void {
  signalProcess(pid, "SIGKILL");
}

export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: the process has exited already.
  }
}

async function startGroup(
  spec: GroupSpec,
  [file, ...args]: GroupSpec["command"],
  onPid: (pid: number) => void,
): Promise<ProcessGroup> {
  const child = spawn(file, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: spec.env,
    cwd: spec.cwd,
  });
  const { pid } = child;
  if (pid !== undefined) onPid(pid);
  if (pid !== undefined && file !== process.execPath) guard(child, pid);
  const exited = watch(child, spec);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) =>
      reject(new Error(`Cannot start the ${spec.name}: ${error.message}`, { cause: error })),
    );
  });
  if (pid === undefined) throw new Error(`Cannot start the ${spec.name}: it has no process id`);
  return { pid, exited, signal: (signal) => void child.kill(signal) };
}

/** Kills the group of a program that does not know the channel when this process has died: the pipe ends then. */
function guard(program: ChildProcess, pid: number): void {
  const kill = `read _; kill -s KILL -- -${pid}`;
  const waiting = spawn("sh", ["-c", kill], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  waiting.unref();
  (waiting.stdin as Socket).unref();
  program.once("exit", () => waiting.kill("SIGKILL"));
}

function watch(child: ChildProcess, spec: GroupSpec): Promise<Exit> {
  const exit = deferred<Exit>();
  readLines(child.stdout, spec.onStdoutLine);
  readLines(child.stderr, spec.onLogLine);
  child.once("exit", (code, signal) => {
    let ticks = 0;
    const end = (): void => {
      clearInterval(timer);
      exit.resolve({ code, signal });
    };
    const timer = setInterval(() => (ticks += 1) >= outputTicks && end(), tickMs);
    child.once("close", end);
  });
  return exit.promise;
}

/** Reads also without a listener: a full pipe would block the child. */
function readLines(output: Readable | null, onLine: ((line: string) => void) | undefined): void {
  if (output === null) return;
  output.once("error", () => {});
  createInterface({ input: output }).on("line", onLine ?? (() => {}));
}
