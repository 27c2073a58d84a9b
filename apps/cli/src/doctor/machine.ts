// Checks the machine itself: Node, processor and shared memory. Each check is pure, over facts from `machine-probe`.
import { formatBytes } from "@waggle/daemon/terminal";
import { ok, problem, warning, type Finding } from "./finding.ts";

const mib = 2 ** 20;

/** The oldest version that package.json allows. */
const oldestNode = [20, 19] as const;

/** Versions of Node that Waggle works on, and the month of their last security update. */
const endOfNode: Readonly<Record<number, string>> = { 20: "April 2026" };

/** @param version the value of `process.versions.node` */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldMajor, oldMinor] = oldestNode;
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor)) {
    const end = endOfNode[major];
    if (end === undefined) return ok("Node", version);
    return warning(
      "Node",
      `${version} works; Node ${major} has had no security updates since ${end}`,
      "Install Node 24: https://nodejs.org/en/download.",
    );
  }
  const wanted = oldestNode.join(".");
  return problem("Node", `${version} is too old`, `Install Node ${wanted} or newer: https://nodejs.org/en/download.`);
}

export interface ProcessorFacts {
  readonly arch: string;
  readonly model: string;
  readonly cores: number;
  /** The CPU flags by their names in /proc/cpuinfo; undefined if they cannot be read. */
  readonly flags: ReadonlySet<string> | undefined;
}

/** Instruction sets that llama.cpp uses: without them a token takes several times as long. */
const wantedFlags = ["avx2", "fma", "f16c"];

export function checkProcessor({ arch, model, cores, flags }: ProcessorFacts): Finding {
  const name = `${model.trim() || arch}, ${cores} ${cores === 1 ? "core" : "cores"}`;
  if (arch === "arm64") return ok("Processor", name);
  if (arch !== "x64") {
    return problem(
      "Processor",
      `${name}: there is no engine for ${arch}`,
      "Use a machine with an x64 or arm64 processor.",
    );
  }
  if (flags === undefined) return ok("Processor", `${name} (its instruction sets cannot be read here)`);
  const missing = wantedFlags.filter((flag) => !flags.has(flag));
  if (missing.length === 0) {
    const best = flags.has("avx512f") ? ["avx512", ...wantedFlags] : wantedFlags;
    return ok("Processor", `${name} (${best.join(", ")})`);
  }
  return warning(
    "Processor",
    `${name} has no ${missing.join(", ")}: answers will be slow`,
    "In a virtual machine, pass the host's processor through (CPU type host, in QEMU -cpu host).",
  );
}

export interface SharedMemoryFacts {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** With less free shared memory, the worker keeps its KV snapshots in a folder on disk (see the worker's `kv-folder`). */
const enoughSharedBytes = 256 * mib;

export function checkSharedMemory(facts: SharedMemoryFacts | undefined): Finding | undefined {
  if (facts === undefined) return undefined;
  const text = `${formatBytes(facts.freeBytes)} of ${formatBytes(facts.totalBytes)} free in /dev/shm`;
  if (facts.freeBytes >= enoughSharedBytes) return ok("Shared memory", text);
  return warning(
    "Shared memory",
    `${text}: the KV caches of finished prompts are kept on disk`,
    "Give the container more shared memory, for example with --shm-size 1g.",
  );
}
