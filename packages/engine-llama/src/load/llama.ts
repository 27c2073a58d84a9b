// Opens llama.cpp's binary for a device. Never builds or downloads a binary, and never writes to stdout.
import { WaggleError } from "@waggle/protocol";
import { estimateFromHeader } from "../passes/library-context.ts";
import { findGpuPackagesIn, whyNoGpu } from "./gpu-packages.ts";
import { getLlama, getModuleVersion, LlamaLogLevel, NoBinaryFoundError, type Llama } from "node-llama-cpp";

export type LlamaDevice = "auto" | "cpu" | "cuda" | "vulkan" | "metal";
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LlamaChoice {
  readonly device: LlamaDevice;
  /** Folder with GPU packages, in addition to those that were installed with the library. */
  readonly gpuPackages?: string | undefined;
  readonly maxThreads: number;
}

/** Texts in llama.cpp's warnings to ignore. They are wrong for our embedding contexts: every token has an output, and one cell stays free. */
const ignoredWarnings = [
  "embeddings required but some input tokens were not marked as outputs",
  "possible training context overflow",
];

type Listener = (level: LogLevel, message: string) => void;

export interface OpenedLlama {
  readonly llama: Llama;
  /** Removes this model's log listener. The library stays open. */
  release(): void;
}

/** Log listeners of all models: a process has a single llama.cpp log. */
const listeners = new Set<Listener>();
/** Opened binaries by device and threads. A process opens each binary only once, because the library tests it in a child process, which takes half a second. */
const opened = new Map<string, Promise<Llama | undefined>>();

/**
 * The library prefers a build from source (`xtask engine:build --full`) to the prebuilt binary.
 * @throws WaggleError unavailable if there is no binary for the device
 */
export async function openLlama({ device, gpuPackages, maxThreads }: LlamaChoice, log: Listener): Promise<OpenedLlama> {
  estimateFromHeader();
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
  // Try again at the next call: the user may install the device's package meanwhile.
  if (llama === undefined) opened.delete(key);
  return llama;
}

/**
 * Whether the binary really computes on the device. For some devices that the platform lacks, the library returns a binary for the CPU. And a GPU
 * binary computes on the CPU if it finds a driver but no GPU, although `llama.gpu` names the GPU.
 */
async function computesOn(llama: Llama, device: LlamaDevice): Promise<boolean> {
  if (llama.gpu === false) return device === "auto" || device === "cpu";
  return (device === "auto" || device === llama.gpu) && (await llama.getGpuDeviceNames()).length > 0;
}

/** @returns undefined if there is no binary */
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
        if (ignoredWarnings.some((text) => message.includes(text))) return;
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

/** Whether the binary was compiled on this machine (`xtask engine:build --full`). */
export function buildOf(llama: Llama): "source" | "prebuilt" {
  return llama.buildType === "localBuild" ? "source" : "prebuilt";
}
