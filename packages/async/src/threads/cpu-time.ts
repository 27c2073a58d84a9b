// Reads the processor time of a thread of this process, on Linux. Time limits use processor time because on a busy machine a task takes more
// wall-clock time, but not more processor time.
import { readFileSync, readlinkSync } from "node:fs";

/** Unit of the times in `/proc/…/stat`. The ticks are 1/100 s, whatever the kernel's timer frequency is. */
const msPerTick = 10;
/** Positions of the user time and the kernel time, from 0 at the field after the thread's name. */
const [userField, kernelField] = [11, 12];

/** Path of the file with the calling thread's times; undefined on other systems. */
export function cpuTimePath(): string | undefined {
  try {
    return `/proc/${readlinkSync("/proc/thread-self")}/stat`;
  } catch {
    return undefined;
  }
}

/** @returns undefined on other systems, and after the thread has ended */
export function cpuTimeMs(path: string | undefined): number | undefined {
  if (path === undefined) return undefined;
  try {
    const stat = readFileSync(path, "utf8");
    // The name is in parentheses, and may contain spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[userField]) + Number(fields[kernelField]);
    return Number.isFinite(ticks) ? ticks * msPerTick : undefined;
  } catch {
    return undefined;
  }
}
