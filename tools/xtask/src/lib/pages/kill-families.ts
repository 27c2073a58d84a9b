// Kills all processes that readers' terminals have started, synchronously. A process with a terminal is in a separate session, so a signal to
// the terminal's group does not reach the process, and a daemon survives the end of its terminal.
import { spawnSync } from "node:child_process";
import { killGroup, killProcess } from "@waggle/testing/harness";

/** Sends SIGKILL to these processes, their groups and their present descendants. */
export function killFamilies(leaders: readonly number[]): void {
  if (leaders.length === 0) return;
  const { stdout } = spawnSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" });
  const family = descendantsOf(leaders, stdout);
  leaders.forEach(killGroup);
  family.forEach(killProcess);
}

/** @param table a line for each process: its id and its parent's id */
export function descendantsOf(leaders: readonly number[], table: string): readonly number[] {
  const entries = table.split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  const found = new Set(leaders);
  for (let known = 0; known < found.size;) {
    known = found.size;
    for (const [pid = 0, parent = 0] of entries) if (found.has(parent) && pid > 1) found.add(pid);
  }
  return [...found].filter((pid) => !leaders.includes(pid));
}
