// Owns the resource usage of processes, from Linux's /proc: processor time, memory, and time spent waiting for a core. Linux only.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { familyOf, listProcesses } from "./processes.ts";
import { sum } from "../figures/statistics.ts";

export interface Usage {
  /** Processor time since the start of the processes. */
  readonly cpuMs: number;
  /** Resident memory. A memory-mapped model counts only as far as it was read. */
  readonly rssMiB: number;
}

/** Linux reports processor time in hundredths of a second, whatever the kernel's tick rate; see proc(5) and sysconf(3). */
const tickMs = 10;
const pageMiB = 4_096 / 1_048_576;
const nsPerMs = 1_000_000;
/** Indexes in /proc/<pid>/stat, where `state` has index 1; see proc(5). */
const statFields = { userTicks: 12, systemTicks: 13, rssPages: 22 } as const;

/** Usage of a process and its descendants; undefined without a process, and on other systems than Linux. */
export async function usageOf(leader: number | undefined): Promise<Usage | undefined> {
  if (leader === undefined || process.platform !== "linux") return undefined;
  const family = familyOf(await listProcesses(), [leader]);
  // A process that exits between the listing and the reading counts as zero.
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

/** Time of a process's main thread on a core since its start. Zero on other systems than Linux, and after the process's exit. */
export function mainThreadOf(pid: number): { readonly cpuMs: number } {
  try {
    // schedstat has three numbers: nanoseconds on a core, nanoseconds waiting for one, time slices.
    const [onCore] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
    return { cpuMs: Number(onCore) / nsPerMs };
  } catch {
    return { cpuMs: 0 };
  }
}
