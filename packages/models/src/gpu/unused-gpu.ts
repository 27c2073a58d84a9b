// Writes the hint about an unused GPU: what is missing, and what the user can do.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findGpuDevices, type GpuDevices } from "./gpu-devices.ts";
import { hasGpuPackages, type GpuDevice } from "./packages.ts";

export interface UnusedGpuOptions {
  readonly platform: string;
  readonly arch: string;
  /** The workers' folder for GPU packages. */
  readonly folder: string;
}

/** @returns the hint in one or two sentences; undefined if there is no GPU, or the user can do nothing. Fast: it reads a few folders. */
export async function findUnusedGpu(options: UnusedGpuOptions): Promise<string | undefined> {
  return unusedGpu(await findGpuDevices(options.platform), options);
}

export function unusedGpu(devices: GpuDevices, options: UnusedGpuOptions): string | undefined {
  const { nvidia, render, closed, vulkanDrivers } = devices;
  if (closed.length > 0) {
    return `The GPU is not used: this user may not open ${closed.join(", ")}. Add the user to the groups video and render.`;
  }
  if (nvidia.length > 0) return missing("The NVIDIA GPU", "cuda", options);
  return render.length > 0 && vulkanDrivers.length > 0 ? missing("The GPU", "vulkan", options) : undefined;
}

function missing(what: string, device: GpuDevice, { platform, arch, folder }: UnusedGpuOptions): string | undefined {
  const system = platform === "win32" ? "win" : platform;
  if (existsSync(join(folder, "node_modules", "@node-llama-cpp", `${system}-${arch}-${device}`))) {
    return `${what} is not used, although the package for ${device} is there. waggle doctor shows the reason.`;
  }
  if (!hasGpuPackages(device, platform, arch)) return undefined;
  return `${what} is not used: the engine's package for it is missing. waggle gpu add ${device} fetches it.`;
}
