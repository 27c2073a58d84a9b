// Reads the names and the memory of the GPUs that a model uses.
import type { GpuMemory } from "@waggle/engine";
import type { LlamaModel } from "node-llama-cpp";

const longestName = 256;

/** @returns undefined if no layer of the model is on a GPU */
export function gpuMemoryOf({ llama, gpuLayers }: LlamaModel): (() => Promise<GpuMemory>) | undefined {
  if (llama.gpu === false || gpuLayers === 0) return undefined;
  return async () => {
    const [names, { used, total }] = await Promise.all([llama.getGpuDeviceNames(), llama.getVramState()]);
    return { name: gpuLabel(names), usedBytes: used, totalBytes: total };
  };
}

/** For example "NVIDIA H200" or "2 × NVIDIA H200". */
function gpuLabel(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const parts = [...counts].map(([name, count]) => (count === 1 ? name : `${count} × ${name}`));
  return parts.join(", ").slice(0, longestName);
}
