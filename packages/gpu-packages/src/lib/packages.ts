// Owns which packages of node-llama-cpp's compute on which GPU, for which system, and what they weigh.
import { WaggleError } from "@waggle/protocol";

export const gpuDevices = ["cuda", "vulkan"] as const;
export type GpuDevice = (typeof gpuDevices)[number];

/** The library takes packages of its own version alone, so it is the catalog's. */
export const engineVersion = "3.22.1";

export interface GpuPackages {
  /** For npm, with their version. */
  readonly specifiers: readonly string[];
  /** To be said before anything is fetched. */
  readonly downloadMb: number;
  readonly installedMb: number;
}

interface Row {
  readonly device: GpuDevice;
  readonly system: string;
  readonly names: readonly string[];
  readonly downloadMb: number;
  readonly installedMb: number;
}

/** Where they were tried, with what they weigh in the engine's version. Those for Windows were not to be had when this was written. */
const rows: readonly Row[] = [
  {
    device: "cuda",
    system: "linux-x64",
    names: ["linux-x64-cuda", "linux-x64-cuda-ext"],
    downloadMb: 320,
    installedMb: 540,
  },
  { device: "vulkan", system: "linux-x64", names: ["linux-x64-vulkan"], downloadMb: 24, installedMb: 71 },
];

/** @param os, cpu as `gpuPackagesFor` takes them */
export function hasGpuPackages(device: GpuDevice, os: string, cpu: string): boolean {
  return rowFor(device, os, cpu) !== undefined;
}

/**
 * @param os as `process.platform` has it
 * @param cpu as `process.arch` has it
 * @throws WaggleError invalid_argument when there are none for such a machine
 */
export function gpuPackagesFor(device: GpuDevice, os: string, cpu: string): GpuPackages {
  const system = `${os}-${cpu}`;
  const row = rowFor(device, os, cpu);
  if (row === undefined) {
    const hint =
      system === "darwin-arm64" ? "on Apple silicon the engine uses the GPU by itself" : "it is for linux-x64";
    throw new WaggleError("invalid_argument", `Cannot add ${device} on ${system}: no package of it is known; ${hint}`);
  }
  const { names, downloadMb, installedMb } = row;
  return { specifiers: names.map((name) => `@node-llama-cpp/${name}@${engineVersion}`), downloadMb, installedMb };
}

function rowFor(device: GpuDevice, os: string, cpu: string): Row | undefined {
  return rows.find((one) => one.device === device && one.system === `${os}-${cpu}`);
}
