// Owns the processor time of a thread of this process, from Linux. On a busy machine a rendering takes more time by the clock, but not more of this.
import { readFileSync, readlinkSync } from "node:fs";

/** Unit of `/proc/…/stat`: Linux reports 100 ticks a second to every reader. */
const msPerTick = 10;
/** The fields behind the thread's name, which may hold anything: its state is the first, time in its own code the 12th, in the kernel's the 13th. */
const [ownField, kernelField] = [11, 12];

/** Where the calling thread's times are; undefined on other systems. */
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
    const ticks = Number(fields[ownField]) + Number(fields[kernelField]);
    return Number.isFinite(ticks) ? ticks * msPerTick : undefined;
  } catch {
    return undefined;
  }
}
