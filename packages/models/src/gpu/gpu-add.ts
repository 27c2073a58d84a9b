// Runs the command `gpu add`, except for parsing its flags: shows the download size, installs the packages, and tests the GPU.
import { addGpuPackages, type AddOptions } from "./add.ts";
import { findGpuDevices, type GpuDevices } from "./gpu-devices.ts";
import { replaceableFolder } from "./gpu-folder.ts";
import { gpuPackagesFor, type GpuDevice } from "./packages.ts";
import { proveDevice, type ProofOptions } from "./proof.ts";

export interface GpuAddOptions extends Pick<ProofOptions, "workerCommand" | "env">, Pick<AddOptions, "npm"> {
  readonly device: GpuDevice;
  /** `--gpu-dir` of the workers, `gpu` in Waggle's cache folder by default. */
  readonly folder: string;
  /** Platform and architecture as in `process`. */
  readonly machine: { readonly platform: string; readonly arch: string };
  /** Prints a line for the user. */
  readonly say: (line: string) => void;
  /** Asks before anything is downloaded. @throws Error when the answer is no */
  readonly confirm: (question: string) => Promise<void>;
  /** The share of the packages that is on disk. */
  readonly onProgress?: (share: number) => void;
  /** Default: the devices found on this machine. */
  readonly devices?: GpuDevices;
  readonly signal?: AbortSignal;
}

/**
 * The packages stay installed when the test fails, since the user may install a driver later.
 * @throws WaggleError with the reason why the packages cannot be installed, or why the GPU does not work; the signal's reason
 */
export async function gpuAdd(options: GpuAddOptions): Promise<void> {
  const { device, folder, machine, say, npm, onProgress, signal } = options;
  const { specifiers, downloadMb, installedMb } = gpuPackagesFor(device, machine.platform, machine.arch);
  await replaceableFolder(folder);
  const devices = options.devices ?? (await findGpuDevices(machine.platform));
  if (!isVisible(device, devices)) say(`No GPU for ${device} is visible on this machine: ${missing[device]}.`);
  say(`${specifiers.join(" and ")}: a download of ${downloadMb} MB, ${installedMb} MB on disk, in ${folder}.`);
  await options.confirm(`Download ${downloadMb} MB?`);
  await addGpuPackages({
    specifiers,
    folder,
    ...(npm === undefined ? {} : { npm }),
    ...(onProgress === undefined
      ? {}
      : { onProgress: (bytes: number) => onProgress(Math.min(1, bytes / (installedMb * 1e6))) }),
    ...(signal === undefined ? {} : { signal }),
  });
  say(`Added. Now ${device} has to compute what the CPU computes.`);
  const { tokens, ms } = await proveDevice(options);
  say(
    `${device} computes: ${tokens} tokens in ${ms.toFixed(0)} ms, as on the CPU. Workers take it with --device ${device}, or auto.`,
  );
}

const missing: Readonly<Record<GpuDevice, string>> = {
  cuda: "there is no /dev/nvidia0; in a container, --gpus all is needed",
  vulkan: "there is no device in /dev/dri, or no driver for Vulkan",
};

function isVisible(device: GpuDevice, { nvidia, render, vulkanDrivers }: GpuDevices): boolean {
  return device === "cuda" ? nvidia.length > 0 : vulkanDrivers.length > 0 && render.length + nvidia.length > 0;
}
