// Owns what a server's processes have used: processor time and memory, from Linux's /proc. Elsewhere nothing is known.
import { readFile } from "node:fs/promises";
import { familyOf, listProcesses } from "../processes.ts";

export interface Usage {
  /** Since their start. */
  readonly cpuMs: number;
  /** A model that is mapped into memory counts as far as it was read. */
  readonly rssMiB: number;
}

/** Linux counts processor time in hundredths of a second, whatever its own clock does; see proc(5) and sysconf(3). */
const tickMs = 10;
const pageMiB = 4_096 / 1_048_576;
/** Places after the name's closing parenthesis, see proc(5). */
const statFields = { userTicks: 12, systemTicks: 13, rssPages: 22 } as const;

/** @param leader the process whose descendants belong to it */
export async function usageOf(leader: number | undefined): Promise<Usage | undefined> {
  if (leader === undefined || process.platform !== "linux") return undefined;
  const family = familyOf(await listProcesses(), [leader]);
  const usages = await Promise.all(family.map(({ pid }) => readUsage(pid)));
  return usages.reduce(
    (total, usage) => ({
      cpuMs: total.cpuMs + usage.cpuMs,
      rssMiB: total.rssMiB + usage.rssMiB,
    }),
    { cpuMs: 0, rssMiB: 0 },
  );
}

async function readUsage(pid: number): Promise<Usage> {
  try {
    return parseUsage(await readFile(`/proc/${pid}/stat`, "utf8"));
  } catch {
    // It has left between the listing and the reading.
    return { cpuMs: 0, rssMiB: 0 };
  }
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
