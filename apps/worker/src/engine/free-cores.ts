// Computes the number of cores that other processes leave free, from the system's times of each core.
import type { CpuInfo } from "node:os";

type Core = Pick<CpuInfo, "times">;

/**
 * Returns a function that computes the number of free cores, as a fraction: cores that were idle, or used by this process, since the
 * function's last call. Call the function about once a second: the system counts the times in steps of 10 ms.
 * @param cpus the times of each core since the machine started, in ms, as in `os.cpus`; cores may be added or removed
 * @param ownMs CPU time of all threads of this process since it started
 */
export function createFreeCores(cpus: () => readonly Core[], ownMs: () => number): () => number {
  let before = { ...sumOfTimes(cpus()), own: ownMs() };
  return () => {
    const now = { ...sumOfTimes(cpus()), own: ownMs() };
    const all = now.all - before.all;
    const free = now.idle - before.idle + now.own - before.own;
    before = now;
    return all > 0 ? Math.min(now.cores, Math.max(0, (now.cores * free) / all)) : 0;
  };
}

type CoreTimes = ReturnType<typeof sumOfTimes>;

/** Busy share of all cores between two readings, 0 to 1; undefined while the system's counts are unchanged. */
export function busyShareOf(before: CoreTimes, now: CoreTimes): number | undefined {
  const all = now.all - before.all;
  if (all <= 0) return undefined;
  return Math.round(Math.min(1, Math.max(0, 1 - (now.idle - before.idle) / all)) * 1_000) / 1_000;
}

/** Times of all cores together, in the unit of `os.cpus`. */
export function sumOfTimes(cores: readonly Core[]): { cores: number; idle: number; all: number } {
  let [idle, all] = [0, 0];
  for (const { times } of cores) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { cores: cores.length, idle, all };
}
