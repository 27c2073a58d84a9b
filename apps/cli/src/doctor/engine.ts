// Checks that the engine generates a few tokens, and that the GPU has its driver and its package.
import { hasGpuPackages, type GpuDevice } from "@waggle/models/gpu";
import { formatBytes } from "@waggle/daemon/terminal";
import { ok, problem, warning, type Finding } from "./finding.ts";

export interface EngineFacts {
  /** Why the engine failed; undefined when it works. */
  readonly error: string | undefined;
  /** cpu, cuda, vulkan, metal. */
  readonly device?: string | undefined;
  /** prebuilt or source. */
  readonly build?: string | undefined;
  readonly tokensPerSecond?: number | undefined;
}

export function checkEngine({ error, device, build, tokensPerSecond }: EngineFacts): Finding {
  if (error !== undefined) return problem("Engine", error, engineRemedy(error));
  const speed =
    tokensPerSecond === undefined ? "" : `, ${Math.round(tokensPerSecond)} tokens/s with the embedded model`;
  return ok("Engine", `computes on ${device ?? "an unknown device"}, ${build ?? "unknown"} build${speed}`);
}

function engineRemedy(error: string): string {
  const device = /compute on (cuda|vulkan)\b/.exec(error)?.[1];
  if (device !== undefined) {
    const first = error.includes("waggle gpu add") ? "" : "Install the GPU's driver. ";
    return `${first}WAGGLE_DEVICE=cpu computes on the processor.`;
  }
  if (/no binary/i.test(error)) return "Install again, for this kind of machine and without --omit=optional.";
  if (/GLIBC|libstdc|\.so|musl/.test(error)) {
    return "The system's C library is too old or another one (Alpine): use a system with glibc 2.31 or newer.";
  }
  if (/memory|ENOMEM|SIGKILL/.test(error))
    return "It ran out of memory: close other programs, or raise the container's limit.";
  return "Start it by hand to see its log: waggle serve --log-level debug.";
}

export interface GpuFacts {
  readonly platform: string;
  readonly arch: string;
  /** The GPUs that nvidia-smi lists. */
  readonly nvidia: readonly { readonly name: string; readonly driver: string; readonly memoryBytes: number }[];
  /** Why nvidia-smi failed; undefined when it works or is not installed. */
  readonly nvidiaError: string | undefined;
  /** /dev/nvidia0 and the like. */
  readonly nvidiaDevices: readonly string[];
  /** The installed Vulkan drivers, without software renderers. */
  readonly vulkanDrivers: readonly string[];
  /** /dev/dri/renderD128 and the like. */
  readonly renderDevices: readonly string[];
  /** The render devices that this user may not open. */
  readonly closedDevices: readonly string[];
  /** The engine's device; undefined when the engine failed. */
  readonly device: string | undefined;
}

export function checkGpu(facts: GpuFacts): Finding {
  const { device, nvidia, nvidiaError, nvidiaDevices, renderDevices, closedDevices, vulkanDrivers } = facts;
  const names = nvidia.map(({ name, driver, memoryBytes }) => `${name}, ${formatBytes(memoryBytes)}, driver ${driver}`);
  if (device === "cuda" || device === "vulkan" || device === "metal") {
    return ok("GPU", [...names, `used by ${device}`].join(", "));
  }
  if (nvidiaError !== undefined && nvidiaDevices.length + nvidia.length > 0) {
    const remedy = "Driver and kernel module do not fit: reboot, or install NVIDIA's driver again.";
    return problem("GPU", `nvidia-smi fails: ${nvidiaError}`, remedy);
  }
  if (closedDevices.length > 0) {
    const remedy = "Add the user to the groups video and render, and log in again.";
    return warning("GPU", `this user may not open ${closedDevices.join(", ")}`, remedy);
  }
  if (nvidia.length > 0) return unused(names.join("; "), "cuda", facts);
  if (nvidiaDevices.length > 0) {
    const remedy = "Install NVIDIA's driver with nvidia-smi; in a container start it with --gpus all.";
    return warning("GPU", `${nvidiaDevices[0] ?? ""} is there, and nvidia-smi is not`, remedy);
  }
  if (renderDevices.length > 0 && vulkanDrivers.length > 0) {
    return unused(`A GPU with a driver for Vulkan (${vulkanDrivers.join(", ")})`, "vulkan", facts);
  }
  if (renderDevices.length > 0) {
    const remedy = "Install its driver for Vulkan (mesa-vulkan-drivers), and run waggle doctor again.";
    return warning("GPU", `${renderDevices[0] ?? ""} is there without a driver for Vulkan`, remedy);
  }
  return ok("GPU", "no GPU; using the CPU");
}

function unused(what: string, device: GpuDevice, { platform, arch }: GpuFacts): Finding {
  const text = `${what} is not used`;
  if (hasGpuPackages(device, platform, arch)) {
    return warning("GPU", text, `Add what the engine needs for it: waggle gpu add ${device}.`);
  }
  return ok("GPU", `${text}: the engine has no package for ${device} on ${platform}-${arch}`);
}
