// Detects GPUs by their device files and Vulkan driver files. This is fast: it loads no driver and starts no process.
import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";

export interface GpuDevices {
  /** Paths such as /dev/nvidia0. */
  readonly nvidia: readonly string[];
  /** Paths such as /dev/dri/renderD128. */
  readonly render: readonly string[];
  /** Device files that this user may not open. */
  readonly closed: readonly string[];
  /** Paths of Vulkan driver manifests, without software renderers. */
  readonly vulkanDrivers: readonly string[];
}

/** @param root root folder of the file system; tests use a temporary folder */
export async function findGpuDevices(platform: string, root = "/"): Promise<GpuDevices> {
  const nvidia = await namesIn(join(root, "dev"), /^nvidia\d+$/);
  const render = await namesIn(join(root, "dev/dri"), /^renderD\d+$/);
  const vulkanDrivers = platform === "linux" ? await findVulkanDrivers(root) : [];
  return { nvidia, render, closed: await closedAmong([...nvidia, ...render]), vulkanDrivers };
}

/** Searches the folders of the Vulkan loader: https://github.com/KhronosGroup/Vulkan-Loader, docs/LoaderDriverInterface.md. */
async function findVulkanDrivers(root: string): Promise<readonly string[]> {
  const folders = ["usr/share/vulkan/icd.d", "usr/local/share/vulkan/icd.d", "etc/vulkan/icd.d"];
  const names = await Promise.all(folders.map((folder) => namesIn(join(root, folder), /\.json$/)));
  // lvp is lavapipe, which computes on the CPU.
  return names.flat().filter((name) => !name.includes("lvp"));
}

async function namesIn(folder: string, wanted: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => wanted.test(name)).map((name) => join(folder, name));
}

async function closedAmong(devices: readonly string[]): Promise<string[]> {
  const closed = devices.map((device) =>
    access(device, constants.R_OK | constants.W_OK).then(
      () => [],
      () => [device],
    ),
  );
  return (await Promise.all(closed)).flat();
}
