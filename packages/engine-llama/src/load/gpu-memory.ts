// Reads the names and the memory of the GPUs that compute a model.
import type { GpuMemory } from "@waggle/engine";
import type { LlamaModel } from "node-llama-cpp";

const longestName = 256;

/** Undefined where no GPU is used, even if the library has a GPU but no layer of the model is on it. */
export function gpuMemoryOf({ llama, gpuLayers }: LlamaModel): (() => Promise<GpuMemory>) | undefined {
  if (llama.gpu === false || gpuLayers === 0) return undefined;
  return async () => {
    const [names, { used, total }] = await Promise.all([llama.getGpuDeviceNames(), llama.getVramState()]);
    return { name: nameOf(names), usedBytes: used, totalBytes: total };
  };
}

/** "NVIDIA H200", "2 × NVIDIA H200". */
function nameOf(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const parts = [...counts].map(([name, count]) => (count === 1 ? name : `${count} × ${name}`));
  return parts.join(", ").slice(0, longestName);
}
