// Owns the processor time of a thread of this process, as Linux reports it. On a busy machine a task takes more wall-clock time, but not more
// processor time.
import { readFileSync, readlinkSync } from "node:fs";

/** Unit of `/proc/…/stat`: Linux reports 100 ticks a second to every reader. */
const msPerTick = 10;
/** The fields after the thread's name, which may contain any character. Field 1 is the state, field 12 the user time, field 13 the kernel time. */
const [userField, kernelField] = [11, 12];

/** The file with the calling thread's times; undefined on other systems. */
export function cpuTimePath(): string | undefined {
  try {
    return `/proc/${readlinkSync("/proc/thread-self")}/stat`;
  } catch {
    return undefined;
  }
}

/** Undefined on other systems, and after the thread has ended. */
export function cpuTimeMs(path: string | undefined): number | undefined {
  if (path === undefined) return undefined;
  try {
    const stat = readFileSync(path, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[userField]) + Number(fields[kernelField]);
    return Number.isFinite(ticks) ? ticks * msPerTick : undefined;
  } catch {
    return undefined;
  }
}
