// Measures what this machine has for models: free memory, memory bandwidth, and a GPU.
import { measureMemoryBandwidth, thisMachine, type Machine } from "@waggle/models/memory";
import type { Context } from "../command.ts";
import { findGpu } from "./free-gpu.ts";
import type { modelSettings } from "./worker-settings.ts";

/** @param settings with which a worker would load a model */
export async function measureMachine(
  { config, signal }: Pick<Context, "config" | "signal">,
  { threads, device }: Awaited<ReturnType<typeof modelSettings>>,
): Promise<Machine> {
  const bandwidth = await measureMemoryBandwidth({ threads, signal });
  return thisMachine({ bandwidth, gpu: await findGpu(config.gpuFolder, device, signal) });
}
