// Chooses llama.cpp's binary. This code never builds or downloads a binary, and never writes to stdout.
import { WaggleError } from "@waggle/protocol";
import { findGpuPackagesIn, whyNoGpu } from "./gpu-packages.ts";
import { getLlama, getModuleVersion, LlamaLogLevel, NoBinaryFoundError, type Llama } from "node-llama-cpp";

export type LlamaDevice = "auto" | "cpu" | "cuda" | "vulkan" | "metal";
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LlamaChoice {
  readonly device: LlamaDevice;
  /** A folder with packages for a GPU, in addition to those that are installed with the library. */
  readonly gpuPackages?: string | undefined;
  readonly maxThreads: number;
}

/** Warnings that do not apply to our contexts for embedding: every token has an output, and one cell of a context stays free. */
const passedOver = [
  "embeddings required but some input tokens were not marked as outputs",
  "possible training context overflow",
];

type Listener = (level: LogLevel, message: string) => void;

export interface OpenedLlama {
  readonly llama: Llama;
  /** Removes this model's listener of the log. The library itself stays open. */
  release(): void;
}

/** Listeners of llama.cpp's log. The process has one log for all models. */
const listeners = new Set<Listener>();
/**
 * Opened binaries by device and threads. Each is opened once per process, because the library tries every binary in a
 * child process, which takes half a second.
 */
const opened = new Map<string, Promise<Llama | undefined>>();

/**
 * A build from source (`xtask engine:build`) is preferred to the prebuilt binary: the library searches its folder of builds first, and uses the
 * prebuilt one when that does not load.
 * @throws WaggleError unavailable when there is no binary for the device
 */
export async function openLlama({ device, gpuPackages, maxThreads }: LlamaChoice, log: Listener): Promise<OpenedLlama> {
  listeners.add(log);
  const release = (): void => void listeners.delete(log);
  try {
    if (device !== "cpu" && gpuPackages !== undefined) findGpuPackagesIn(gpuPackages);
    const llama = await openOnce(device, maxThreads);
    if (llama !== undefined && (await computesOn(llama, device))) return { llama, release };
    const cpu = device === "auto" ? await openOnce("cpu", maxThreads) : undefined;
    return { llama: cpu ?? (await noBinary(device, gpuPackages)), release };
  } catch (error) {
    release();
    throw error;
  }
}

async function openOnce(device: LlamaDevice, maxThreads: number): Promise<Llama | undefined> {
  const key = `${device} ${maxThreads}`;
  const opening = opened.get(key) ?? findBinary(device, maxThreads);
  opened.set(key, opening);
  const llama = await opening.catch((error: unknown) => {
    opened.delete(key);
    throw error;
  });
  // The device's packages may be installed later.
  if (llama === undefined) opened.delete(key);
  return llama;
}

/**
 * For some devices that the platform does not have, the library returns the CPU. A GPU's binary that found a driver but no
 * GPU counts as that GPU for the library, although the CPU computes.
 */
async function computesOn(llama: Llama, device: LlamaDevice): Promise<boolean> {
  if (llama.gpu === false) return device === "auto" || device === "cpu";
  return (device === "auto" || device === llama.gpu) && (await llama.getGpuDeviceNames()).length > 0;
}

/** Returns undefined when there is no binary. */
async function findBinary(device: LlamaDevice, maxThreads: number): Promise<Llama | undefined> {
  try {
    return await getLlama({
      gpu: device === "cpu" ? false : device,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      logLevel: LlamaLogLevel.warn,
      maxThreads,
      logger(level, message) {
        if (passedOver.some((text) => message.includes(text))) return;
        const failed = level === LlamaLogLevel.error || level === LlamaLogLevel.fatal;
        for (const listener of listeners) listener(failed ? "error" : "warn", message.trimEnd());
      },
    });
  } catch (error) {
    if (error instanceof NoBinaryFoundError) return undefined;
    throw error;
  }
}

async function noBinary(device: LlamaDevice, gpuPackages?: string): Promise<never> {
  const why = whyNoGpu(gpuPackages, device, await getModuleVersion());
  throw new WaggleError("unavailable", `Cannot compute on ${device}: ${why}`);
}

/** Whether the binary in use was compiled on this machine, or is the library's prebuilt one. */
export function buildOf(llama: Llama): "source" | "prebuilt" {
  return llama.buildType === "localBuild" ? "source" : "prebuilt";
}
