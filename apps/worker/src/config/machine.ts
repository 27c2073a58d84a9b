// Owns what the configuration needs to know of the machine: asked once, handed over as plain data, so that parsing
// stays pure.
import { availableParallelism, homedir, hostname } from "node:os";
import { readSettingText } from "@waggle/daemon";

export interface Machine {
  readonly hostname: string;
  /** Cores that this process may use: the CPUs it is bound to, or a container's quota where that is less. */
  readonly cores: number;
  readonly pid: number;
  readonly homeFolder: string;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Of the worker. */
  readonly version: string;
  /** What started it, as a person types it. */
  readonly program: string;
  /** @throws Error as node:fs does */
  readText(path: string): string;
}

export function describeMachine(program = "waggle-worker"): Machine {
  const manifest = JSON.parse(readSettingText(new URL("../../package.json", import.meta.url))) as { version: string };
  return {
    hostname: hostname(),
    cores: usableCores(availableParallelism(), readSettingText),
    pid: process.pid,
    homeFolder: homedir(),
    stdoutIsTerminal: Boolean(process.stdout.isTTY),
    stderrIsTerminal: Boolean(process.stderr.isTTY),
    version: manifest.version,
    program,
    readText: readSettingText,
  };
}

/**
 * Node 20 does not see a container's CPU quota, and threads beyond it are stopped in mid-pass: they wait for each
 * other's time slices.
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
