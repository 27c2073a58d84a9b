// Owns how many cores of this machine nobody uses, from the system's own counts of what each core did.
import type { CpuInfo } from "node:os";

type Core = Pick<CpuInfo, "times">;

/**
 * Returns what tells, at each call, how many cores were idle since the call before, with fractions. To be asked every second or so: the times
 * are counted in steps of ten milliseconds.
 * @param cpus the times of each core since the machine started, in ms, as `os.cpus` tells them; a core may come or go
 */
export function createIdleCores(cpus: () => readonly Core[]): () => number {
  let before = sumUp(cpus());
  return () => {
    const now = sumUp(cpus());
    const [all, idle] = [now.all - before.all, now.idle - before.idle];
    before = now;
    return all > 0 ? Math.max(0, (now.cores * idle) / all) : 0;
  };
}

function sumUp(cores: readonly Core[]): { cores: number; idle: number; all: number } {
  let [idle, all] = [0, 0];
  for (const { times } of cores) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { cores: cores.length, idle, all };
}
