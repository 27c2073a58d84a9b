// Collects the facts for the checks of the machine: on Linux from /proc and /sys, on macOS from sysctl. An unavailable fact is undefined.
import { readFile, statfs } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import type { ProcessorFacts, SharedMemoryFacts } from "./machine.ts";
import { runTool } from "./run-tool.ts";

export async function probeProcessor(signal: AbortSignal): Promise<ProcessorFacts> {
  return {
    arch: process.arch,
    model: cpus()[0]?.model ?? "",
    cores: availableParallelism(),
    flags: process.arch === "x64" ? await probeFlags(signal) : undefined,
  };
}

async function probeFlags(signal: AbortSignal): Promise<ReadonlySet<string> | undefined> {
  if (process.platform === "linux") return flagsIn(await readFile("/proc/cpuinfo", "utf8").catch(() => ""));
  if (process.platform !== "darwin") return undefined;
  const names = ["machdep.cpu.features", "machdep.cpu.leaf7_features"];
  const { stdout } = await runTool("sysctl", ["-n", ...names], signal);
  return stdout === undefined ? undefined : new Set(stdout.toLowerCase().replaceAll("avx1.0", "avx").split(/\s+/));
}

/** @param text the content of /proc/cpuinfo @returns undefined when it has no flags, as on processors other than x86 */
export function flagsIn(text: string): ReadonlySet<string> | undefined {
  const flags = /^flags\s*:\s*(.*)$/m.exec(text)?.[1];
  return flags === undefined ? undefined : new Set(flags.trim().split(/\s+/));
}

export async function probeSharedMemory(): Promise<SharedMemoryFacts | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    const { bsize, blocks, bavail } = await statfs("/dev/shm");
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch {
    return undefined;
  }
}
