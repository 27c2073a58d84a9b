// Owns how long a thread of this process has computed: a busy machine makes a rendering late, not expensive. Linux tells it of each thread.
import { readFileSync, readlinkSync } from "node:fs";

/** Of `/proc/…/stat`, in hundredths of a second, which is what Linux counts in for whoever reads it. */
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

/** Undefined where nothing tells it, or the thread has gone. */
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
