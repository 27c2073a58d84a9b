// Owns the facts about the machine that the worker's configuration needs, as plain data, so that parsing stays pure.
import { availableParallelism } from "node:os";
import { describeMachine, readSettingText, type Machine } from "@waggle/daemon";

export interface WorkerMachine extends Machine {
  /** Cores that this process may use: the CPUs it is bound to, or a container's quota if that is less. */
  readonly cores: number;
}

export function describeWorker(program = "waggle-worker"): WorkerMachine {
  return {
    ...describeMachine(program, new URL("../../package.json", import.meta.url)),
    cores: usableCores(availableParallelism(), readSettingText),
  };
}

/**
 * Node 20 ignores a container's CPU quota. With more threads than the quota allows, the system pauses threads during a pass, and the other
 * threads wait for the paused threads.
 * @param available what the operating system reports
 */
export function usableCores(available: number, read: (path: string) => string): number {
  const [quota, period] = cpuQuota(read);
  if (!(quota > 0 && period > 0)) return available;
  return Math.max(1, Math.min(available, Math.floor(quota / period)));
}

function cpuQuota(read: (path: string) => string): readonly [number, number] {
  const words = (path: string): string[] => {
    try {
      return read(path).trim().split(" ");
    } catch {
      return [];
    }
  };
  const [quota, period] = words("/sys/fs/cgroup/cpu.max");
  if (quota !== undefined) return [Number(quota), Number(period)];
  const version1 = "/sys/fs/cgroup/cpu/cpu.cfs";
  return [Number(words(`${version1}_quota_us`)[0]), Number(words(`${version1}_period_us`)[0])];
}
