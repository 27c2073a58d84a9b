// Runs the command `waggle gpu add`: shows the download size, installs the packages, and tests the GPU.
import { addGpuPackages, type AddOptions } from "./add.ts";
import { findGpuDevices, type GpuDevices } from "./gpu-devices.ts";
import { replaceableFolder } from "./gpu-folder.ts";
import { gpuPackagesFor, type GpuDevice } from "./packages.ts";
import { proveDevice, type ProofOptions } from "./proof.ts";

export interface GpuAddOptions extends Pick<ProofOptions, "workerCommand" | "env">, Pick<AddOptions, "npm"> {
  readonly device: GpuDevice;
  /** The workers' `--gpu-dir`. */
  readonly folder: string;
  /** Values of `process.platform` and `process.arch`. */
  readonly machine: { readonly platform: string; readonly arch: string };
  /** Prints a line for the user. */
  readonly say: (line: string) => void;
  /** Asks the user before the download. @throws Error if the answer is no */
  readonly confirm: (question: string) => Promise<void>;
  /** Called with the part of the download that is on disk, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
  /** Detected GPUs; by default the GPUs of this machine. */
  readonly devices?: GpuDevices;
  readonly signal?: AbortSignal;
}

/**
 * Installs and tests the packages. They stay installed if the test fails, because the user may install a driver later.
 * @throws WaggleError if the packages cannot be installed, or the GPU does not work; the signal's reason when it aborts
 */
export async function gpuAdd(options: GpuAddOptions): Promise<void> {
  const { device, folder, machine, say, npm, onProgress, signal } = options;
  const { specifiers, downloadMb, installedMb } = gpuPackagesFor(device, machine.platform, machine.arch);
  await replaceableFolder(folder);
  const devices = options.devices ?? (await findGpuDevices(machine.platform));
  if (!isVisible(device, devices)) say(`No GPU for ${device} is visible on this machine: ${missing[device]}.`);
  say(`${specifiers.join(" and ")}: a download of ${downloadMb} MB, ${installedMb} MB on disk, in ${folder}.`);
  await options.confirm(`Download ${downloadMb} MB?`);
  const onBytes = (bytes: number): void => onProgress?.(Math.min(1, bytes / (installedMb * 1e6)));
  await addGpuPackages({ specifiers, folder, npm, onProgress: onProgress && onBytes, signal });
  say(`Added. Testing ${device}: its output must match the CPU's.`);
  const { tokens, ms } = await proveDevice(options);
  say(
    `${device} works: ${tokens} tokens in ${ms.toFixed(0)} ms, same as on the CPU. Start workers with --device ${device}, or auto.`,
  );
}

const missing: Readonly<Record<GpuDevice, string>> = {
  cuda: "there is no /dev/nvidia0; in a container, --gpus all is needed",
  vulkan: "there is no device in /dev/dri, or no driver for Vulkan",
};

function isVisible(device: GpuDevice, { nvidia, render, vulkanDrivers }: GpuDevices): boolean {
  return device === "cuda" ? nvidia.length > 0 : vulkanDrivers.length > 0 && render.length + nvidia.length > 0;
}
