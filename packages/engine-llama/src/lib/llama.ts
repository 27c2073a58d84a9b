// Owns the choice of llama.cpp's binary. Nothing is ever built or downloaded here, and nothing is written to stdout.
import { WaggleError } from "@waggle/protocol";
import { findGpuPackagesIn, whyNoGpu } from "./gpu-packages.ts";
import { getLlama, getModuleVersion, LlamaLogLevel, NoBinaryFoundError, type Llama } from "node-llama-cpp";

export type LlamaDevice = "auto" | "cpu" | "cuda" | "vulkan" | "metal";
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LlamaChoice {
  readonly device: LlamaDevice;
  /** A folder with packages for a GPU, besides those that are installed with the library. */
  readonly gpuPackages?: string | undefined;
  readonly maxThreads: number;
}

/** Said of texts to embed, where all is as we want it: every token has an output, and a context has a place that stays free. */
const passedOver = [
  "embeddings required but some input tokens were not marked as outputs",
  "possible training context overflow",
];

type Listener = (level: LogLevel, message: string) => void;

export interface OpenedLlama {
  readonly llama: Llama;
  /** From now on its log is told to others only. The library itself stays open. */
  release(): void;
}

/** Who hears what llama.cpp says. Its log is one for the process, whichever model it is about. */
const listeners = new Set<Listener>();
/**
 * By device and threads. Each is opened once in a process: the library tries its binary in a process of its own every time, which takes half a
 * second.
 */
const opened = new Map<string, Promise<Llama | undefined>>();

/**
 * A build from source (`xtask engine:build`) is taken before the prebuilt binary: the library looks into its own folder of builds first,
 * and goes on to the prebuilt one when that does not load.
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
  // Packages that it needs may come yet.
  if (llama === undefined) opened.delete(key);
  return llama;
}

/**
 * The library answers some devices that the platform does not have with the CPU, and takes a GPU's binary that found no GPU, with a
 * driver alone, for one that computes on it: then the CPU does.
 */
async function computesOn(llama: Llama, device: LlamaDevice): Promise<boolean> {
  if (llama.gpu === false) return device === "auto" || device === "cpu";
  return (device === "auto" || device === llama.gpu) && (await llama.getGpuDeviceNames()).length > 0;
}

/** Undefined when there is none. */
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

/** Which binary was taken: one that was compiled on this machine, or the library's own. */
export function buildOf(llama: Llama): "source" | "prebuilt" {
  return llama.buildType === "localBuild" ? "source" : "prebuilt";
}
