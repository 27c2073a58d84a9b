// Measures what this machine has for models: free memory, memory bandwidth, and the GPU that a worker would use, without starting a worker.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { measureMemoryBandwidth, thisMachine, type Gpu, type Machine } from "@waggle/models/memory";
import type { Context } from "../command.ts";
import { runTool } from "../doctor/run-tool.ts";
import type { modelSettings } from "./worker-settings.ts";

/** @param settings with which a worker would load a model */
export async function measureMachine(
  { config, signal }: Pick<Context, "config" | "signal">,
  { threads, device }: Awaited<ReturnType<typeof modelSettings>>,
): Promise<Machine> {
  const bandwidth = await measureMemoryBandwidth({ threads, signal });
  return thisMachine({ bandwidth, gpu: await findGpu(config.gpuFolder, device, signal) });
}

const query = ["--query-gpu=name,memory.free", "--format=csv,noheader,nounits"];

/**
 * Returns the first NVIDIA GPU if the engine's CUDA package is installed. Other GPUs do not report their free memory.
 * @param folder where workers look for GPU packages
 * @param device the device in the worker's settings
 */
async function findGpu(folder: string, device: string, signal: AbortSignal): Promise<Gpu | undefined> {
  const system = process.platform === "win32" ? "win" : process.platform;
  const packaged = existsSync(join(folder, "node_modules", "@node-llama-cpp", `${system}-${process.arch}-cuda`));
  if (device !== "cuda" && !(device === "auto" && packaged)) return undefined;
  const { stdout } = await runTool("nvidia-smi", query, signal);
  return firstGpu(stdout ?? "");
}

/** @param text lines such as `NVIDIA H200, 143000`, with the memory in MiB */
export function firstGpu(text: string): Gpu | undefined {
  const [name = "", free = ""] =
    text
      .split("\n")[0]
      ?.split(",")
      .map((word) => word.trim()) ?? [];
  return name === "" || !/^\d+$/.test(free) ? undefined : { name, freeBytes: Number(free) * 2 ** 20 };
}
