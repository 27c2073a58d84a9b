// Owns the reading of the process table: live processes, their parents and groups. Reads /proc on Linux, runs `ps` elsewhere.
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  /** Start time in the system's notation. Distinguishes a process from a later one with the same id. */
  readonly startedAt: string;
  readonly command: string;
}

const commandCharsLimit = 200;
const psTimeoutMs = 60_000;

/** All live processes. Zombies, which have exited and hold no resources, are left out. */
export async function listProcesses(): Promise<ProcessEntry[]> {
  return process.platform === "linux" ? fromProc() : fromPs();
}

/** The members of the leaders' groups, and all their descendants in any group. */
export function familyOf(table: readonly ProcessEntry[], leaders: readonly number[]): ProcessEntry[] {
  const family = new Set<number>(leaders);
  const groups = new Set(leaders);
  for (let grown = true; grown;) {
    grown = false;
    for (const { pid, parentPid, groupId } of table) {
      if (family.has(pid) || !(family.has(parentPid) || groups.has(groupId))) continue;
      family.add(pid);
      grown = true;
    }
  }
  return table.filter(({ pid }) => family.has(pid));
}

/** Whether the process is alive; a zombie is not. */
export async function isAlive(pid: number): Promise<boolean> {
  return (await listProcesses()).some((entry) => entry.pid === pid);
}

export function sameProcess(a: ProcessEntry, b: ProcessEntry): boolean {
  return a.pid === b.pid && a.startedAt === b.startedAt;
}

/** Index of `starttime` in /proc/<pid>/stat, where `state` has index 1; see proc(5). */
const startTimeField = 20;

/** Parses one /proc/<pid>/stat. The name in parentheses may contain spaces and parentheses. */
export function parseStat(stat: string): Omit<ProcessEntry, "command"> | undefined {
  const fields = stat.slice(stat.lastIndexOf(")")).split(" ");
  const [, state, parentPid, groupId] = fields;
  const startedAt = fields[startTimeField];
  if (state === undefined || "ZX".includes(state) || startedAt === undefined) return undefined;
  return { pid: Number.parseInt(stat, 10), parentPid: Number(parentPid), groupId: Number(groupId), startedAt };
}

async function fromProc(): Promise<ProcessEntry[]> {
  const names = await readdir("/proc");
  const entries = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(procEntry));
  return entries.filter((entry) => entry !== undefined);
}

async function procEntry(pid: string): Promise<ProcessEntry | undefined> {
  try {
    const stat = parseStat(await readFile(`/proc/${pid}/stat`, "utf8"));
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8");
    return stat && { ...stat, command: commandLine.replaceAll("\0", " ").trim().slice(0, commandCharsLimit) };
  } catch {
    // The process exited between the listing and the reading.
    return undefined;
  }
}

async function fromPs(): Promise<ProcessEntry[]> {
  const columns = "pid=,ppid=,pgid=,stat=,lstart=,command=";
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", columns], { timeout: psTimeoutMs });
  return stdout.split("\n").flatMap(parsePsLine);
}

/** Parses one line of `ps -A -o pid=,ppid=,pgid=,stat=,lstart=,command=`; lstart is five words. */
function parsePsLine(line: string): ProcessEntry[] {
  const [pid, parentPid, groupId, state, ...rest] = line.trim().split(/\s+/);
  if (pid === undefined || state === undefined || state.startsWith("Z")) return [];
  return [
    {
      pid: Number(pid),
      parentPid: Number(parentPid),
      groupId: Number(groupId),
      startedAt: rest.slice(0, 5).join(" "),
      command: rest.slice(5).join(" ").slice(0, commandCharsLimit),
    },
  ];
}
