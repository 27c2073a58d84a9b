// Lists node-llama-cpp's packages for each GPU type and system, with their download sizes.
import { WaggleError } from "@waggle/protocol";

export const gpuDevices = ["cuda", "vulkan"] as const;
export type GpuDevice = (typeof gpuDevices)[number];

/** Equals the version of node-llama-cpp in the workspace catalog, because the library only loads packages of the same version. */
export const engineVersion = "3.22.1";

export interface GpuPackages {
  /** Package specifiers for npm, with their versions. */
  readonly specifiers: readonly string[];
  readonly downloadMb: number;
  readonly installedMb: number;
}

interface Row extends Omit<GpuPackages, "specifiers"> {
  readonly device: GpuDevice;
  readonly system: string;
  readonly names: readonly string[];
}

/** The tested systems, with sizes for this engine version. Windows is missing because its packages could not be downloaded for a test. */
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

export function hasGpuPackages(device: GpuDevice, os: string, cpu: string): boolean {
  return rowFor(device, os, cpu) !== undefined;
}

/**
 * @param os a value of `process.platform`
 * @param cpu a value of `process.arch`
 * @throws WaggleError invalid_argument if there are no packages for such a machine
 */
export function gpuPackagesFor(device: GpuDevice, os: string, cpu: string): GpuPackages {
  const system = `${os}-${cpu}`;
  const row = rowFor(device, os, cpu);
  if (row === undefined) {
    const hint =
      system === "darwin-arm64" ? "on Apple silicon the engine uses the GPU by itself" : "packages exist for linux-x64";
    throw new WaggleError("invalid_argument", `Cannot add ${device} on ${system}: no package of it is known; ${hint}`);
  }
  const { names, downloadMb, installedMb } = row;
  return { specifiers: names.map((name) => `@node-llama-cpp/${name}@${engineVersion}`), downloadMb, installedMb };
}

function rowFor(device: GpuDevice, os: string, cpu: string): Row | undefined {
  return rows.find((one) => one.device === device && one.system === `${os}-${cpu}`);
}
