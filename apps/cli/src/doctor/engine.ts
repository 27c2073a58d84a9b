// Checks that the engine generates a few tokens, and that the GPU has its driver and its package.
import { hasGpuPackages, type GpuDevice } from "@waggle/models/gpu";
import { formatBytes } from "@waggle/daemon/terminal";
import { ok, problem, warning, type Finding } from "./finding.ts";

export interface EngineFacts {
  /** Why the engine failed; undefined when it works. */
  readonly error: string | undefined;
  /** `cpu`, `cuda`, `vulkan` or `metal`. */
  readonly device?: string | undefined;
  /** `prebuilt` or `source`. */
  readonly build?: string | undefined;
  /** `addon` or `library`. */
  readonly binding?: string | undefined;
  /** Why Waggle's addon does not decode, as the end of a sentence. */
  readonly bindingReason?: string | undefined;
  readonly tokensPerSecond?: number | undefined;
}

/** @param platform systems without an addon need no remedy */
export function checkEngine(facts: EngineFacts, platform = process.platform): Finding {
  const { error, device, build, binding, bindingReason, tokensPerSecond } = facts;
  if (error !== undefined) return problem("Engine", error, engineRemedy(error));
  const speed =
    tokensPerSecond === undefined ? "" : `, ${Math.round(tokensPerSecond)} tokens/s with the embedded model`;
  const words = binding === "addon" ? "Waggle's addon" : "node-llama-cpp's own binding";
  const text = `computes on ${device ?? "an unknown device"}, ${build ?? "unknown"} build, with ${words}${speed}`;
  if (bindingReason === undefined || platform === "win32") return ok("Engine", text);
  const remedy =
    "Steps are faster with the addon. In a checkout, pnpm xtask engine:build compiles it, and pnpm xtask pack packs it.";
  return warning("Engine", `${text}; Waggle's addon is not used: ${bindingReason}`, remedy);
}

function engineRemedy(error: string): string {
  const device = /compute on (cuda|vulkan)\b/.exec(error)?.[1];
  if (device !== undefined) {
    const first = error.includes("waggle gpu add") ? "" : "Install the GPU's driver. ";
    return `${first}WAGGLE_DEVICE=cpu uses the CPU instead.`;
  }
  if (/no binary/i.test(error)) return "Install again, for this kind of machine and without --omit=optional.";
  if (/GLIBC|libstdc|\.so|musl/.test(error)) {
    return "The system's C library is too old, or not glibc (Alpine): use a system with glibc 2.31 or newer.";
  }
  if (/memory|ENOMEM|SIGKILL/.test(error))
    return "The engine ran out of memory: close other programs, or raise the container's limit.";
  return "Start a worker by hand to see the engine's log: waggle serve --log-level debug.";
}

export interface GpuFacts {
  readonly platform: string;
  readonly arch: string;
  readonly nvidia: readonly { readonly name: string; readonly driver: string; readonly memoryBytes: number }[];
  /** Why nvidia-smi failed; undefined when it works or is not installed. */
  readonly nvidiaError: string | undefined;
  /** Paths such as /dev/nvidia0. */
  readonly nvidiaDevices: readonly string[];
  /** The installed Vulkan drivers, without software renderers. */
  readonly vulkanDrivers: readonly string[];
  /** Paths such as /dev/dri/renderD128. */
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
    const remedy = "Driver and kernel module do not match: reboot, or install NVIDIA's driver again.";
    return problem("GPU", `nvidia-smi fails: ${nvidiaError}`, remedy);
  }
  if (closedDevices.length > 0) {
    const remedy = "Add the user to the groups video and render, and log in again.";
    return warning("GPU", `this user may not open ${closedDevices.join(", ")}`, remedy);
  }
  if (nvidia.length > 0) return unused(names.join("; "), "cuda", facts);
  if (nvidiaDevices.length > 0) {
    const remedy = "Install NVIDIA's driver with nvidia-smi; start a container with --gpus all.";
    return warning("GPU", `${nvidiaDevices[0] ?? ""} exists, but nvidia-smi is not installed`, remedy);
  }
  if (renderDevices.length > 0 && vulkanDrivers.length > 0) {
    return unused(`A GPU with a Vulkan driver (${vulkanDrivers.join(", ")})`, "vulkan", facts);
  }
  if (renderDevices.length > 0) {
    const remedy = "Install the GPU's Vulkan driver (mesa-vulkan-drivers), and run waggle doctor again.";
    return warning("GPU", `${renderDevices[0] ?? ""} has no Vulkan driver`, remedy);
  }
  return ok("GPU", "no GPU; using the CPU");
}

function unused(what: string, device: GpuDevice, { platform, arch }: GpuFacts): Finding {
  const text = `${what} is not used`;
  if (hasGpuPackages(device, platform, arch)) {
    return warning("GPU", text, `Install the GPU packages of the engine: waggle gpu add ${device}.`);
  }
  return ok("GPU", `${text}: the engine has no package for ${device} on ${platform}-${arch}`);
}
