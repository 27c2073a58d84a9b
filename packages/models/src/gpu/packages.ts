// Lists the packages of node-llama-cpp for each GPU type and system, with their download sizes.
import { WaggleError } from "@waggle/protocol";

export const gpuDevices = ["cuda", "vulkan"] as const;
export type GpuDevice = (typeof gpuDevices)[number];

/** The library only loads packages of the same version, so this equals the version in the workspace catalog. */
export const engineVersion = "3.22.1";

export interface GpuPackages {
  /** Package specifiers for npm, with their version. */
  readonly specifiers: readonly string[];
  /** Download size, shown before the download. */
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

/** The tested systems, with download sizes for this engine version. Packages for Windows could not be downloaded when this was written. */
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

/** @param os, cpu as for `gpuPackagesFor` */
export function hasGpuPackages(device: GpuDevice, os: string, cpu: string): boolean {
  return rowFor(device, os, cpu) !== undefined;
}

/**
 * @param os a value of `process.platform`
 * @param cpu a value of `process.arch`
 * @throws WaggleError invalid_argument when the library has no packages for such a machine
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
