// Owns what a loaded model says of itself to those who estimate the memory of a context for it.
import type { MemorySettings } from "@waggle/fit";
import { tensorTypeOf } from "@waggle/gguf";
import type { LlamaModel } from "node-llama-cpp";

type Said = Pick<MemorySettings, "gpuLayers" | "cacheTypeK" | "cacheTypeV">;

export function memorySettingsOf(model: LlamaModel): Said {
  return {
    gpuLayers: model.gpuLayers,
    cacheTypeK: tensorTypeOf(model.defaultContextKvCacheKeyType)?.name,
    cacheTypeV: tensorTypeOf(model.defaultContextKvCacheValueType)?.name,
  };
}
