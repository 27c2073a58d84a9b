// Owns what processes have used, from Linux's /proc: processor time, memory, and time spent waiting for a core. Elsewhere nothing is known.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { familyOf, listProcesses } from "./processes.ts";
import { sum } from "../figures/statistics.ts";

export interface Usage {
  /** Since their start. */
  readonly cpuMs: number;
  /** A model that is mapped into memory counts as far as it was read. */
  readonly rssMiB: number;
}

/** Linux counts processor time in hundredths of a second, whatever its own clock does; see proc(5) and sysconf(3). */
const tickMs = 10;
const pageMiB = 4_096 / 1_048_576;
const nsPerMs = 1_000_000;
/** Places after the name's closing parenthesis, see proc(5). */
const statFields = { userTicks: 12, systemTicks: 13, rssPages: 22 } as const;

/** @param leader the process whose descendants belong to it */
export async function usageOf(leader: number | undefined): Promise<Usage | undefined> {
  if (leader === undefined || process.platform !== "linux") return undefined;
  const family = familyOf(await listProcesses(), [leader]);
  // One that has left between the listing and the reading has used nothing.
  const stats = await Promise.all(family.map(({ pid }) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")));
  const usages = stats.map(parseUsage);
  return { cpuMs: sum(usages.map(({ cpuMs }) => cpuMs)), rssMiB: sum(usages.map(({ rssMiB }) => rssMiB)) };
}

/** Parses one /proc/<pid>/stat. */
export function parseUsage(stat: string): Usage {
  const fields = stat.slice(stat.lastIndexOf(")")).split(" ");
  const field = (index: number): number => Number(fields[index] ?? 0);
  return {
    cpuMs: (field(statFields.userTicks) + field(statFields.systemTicks)) * tickMs,
    rssMiB: field(statFields.rssPages) * pageMiB,
  };
}

/**
 * What the main thread of a process has done since it began: time on a core, and time ready to run but waiting for one, which on a busy
 * machine is most of a latency, and not its own. Zeros where the system does not tell, and for a process that is gone.
 */
export function mainThreadOf(pid: number): { readonly cpuMs: number; readonly waitMs: number } {
  try {
    // schedstat has three numbers: nanoseconds on a core, nanoseconds waiting for one, time slices.
    const [onCore, waiting] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
    return { cpuMs: Number(onCore) / nsPerMs, waitMs: Number(waiting) / nsPerMs };
  } catch {
    return { cpuMs: 0, waitMs: 0 };
  }
}
