// Owns looking at processes from outside: whether they live, and who descends from whom. It ends none.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { sleep, TimeoutError } from "@waggle/async";

const pollIntervalMs = 20;
const psTimeoutMs = 3_000;
const run = promisify(execFile);

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** Has ended; only its exit status waits for its parent. */
  readonly zombie: boolean;
}

/** Whether the process exists and has not ended. A zombie has: on Linux it counts as gone, even when nobody collects it. */
export function processAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  if (process.platform !== "linux") return true;
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, "utf8"))?.zombie === false;
  } catch {
    return false;
  }
}

/**
 * The living children of a process, their children, and so on, ascending. Ask while the process lives: when it ends, its children get
 * another parent and are found no more.
 */
export async function listDescendants(pid: number): Promise<number[]> {
  const entries = (process.platform === "linux" ? await readProc() : await readPs()).filter((entry) => !entry.zombie);
  const found = new Set<number>();
  const parents = [pid];
  for (const parent of parents) {
    for (const entry of entries) {
      if (entry.parent !== parent || found.has(entry.pid)) continue;
      found.add(entry.pid);
      parents.push(entry.pid);
    }
  }
  return [...found].toSorted((a, b) => a - b);
}

/**
 * Resolves as soon as none of the processes is alive.
 * @throws TimeoutError naming the survivors after `timeoutMs`
 */
export async function waitForGone(pids: readonly number[], timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const alive = pids.filter(processAlive);
    if (alive.length === 0) return;
    if (performance.now() >= deadline) {
      throw new TimeoutError(`Processes are still alive after ${timeoutMs} ms: ${alive.join(", ")}`);
    }
    // Only a parent is told of an exit; from outside there is nothing to wait for, so this asks again and again.
    await sleep(pollIntervalMs);
  }
}

/** Reads /proc/<pid>/stat: `pid (name) state parent …`, where the name may hold anything, parentheses too. */
export function parseProcStat(text: string): ProcessRow | undefined {
  const [state, parent] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (state === undefined || parent === undefined) return undefined;
  return { pid: Number.parseInt(text, 10), parent: Number(parent), zombie: state === "Z" || state === "X" };
}

/** Reads the lines of `ps -A -o pid=,ppid=,stat=`. */
export function parsePs(text: string): ProcessRow[] {
  return text.split("\n").flatMap((line) => {
    const [pid, parent, state] = line.trim().split(/\s+/);
    if (pid === undefined || parent === undefined || state === undefined) return [];
    return [{ pid: Number(pid), parent: Number(parent), zombie: state.startsWith("Z") }];
  });
}

async function readProc(): Promise<ProcessRow[]> {
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  // A process that has left meanwhile has no file, and no entry.
  const texts = await Promise.all(names.map((name) => readFile(`/proc/${name}/stat`, "utf8").catch(() => "")));
  return texts.flatMap((text) => parseProcStat(text) ?? []);
}

async function readPs(): Promise<ProcessRow[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid=,stat="], { timeout: psTimeoutMs, killSignal: "SIGKILL" });
  return parsePs(stdout);
}
