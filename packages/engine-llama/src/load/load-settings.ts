// Owns the settings for loading a model: translates them for the library, rejects impossible settings, and reports the values in effect.
import { basename } from "node:path";
import type { CacheType, FlashAttention, LoadedSettings } from "@waggle/protocol";
import type { GgufFileInfo, Llama, LlamaModel, LlamaModelOptions } from "node-llama-cpp";
import { flashAttentionOf, headProblem, typeName } from "./cache-types.ts";
import { cannotLoad } from "./load-error.ts";
import type { LoraFile } from "./lora.ts";
import { ropeInfo, ropeOverrides, ropeProblem, type RopeSettings } from "./rope.ts";

/** Defaults without a comment are those of the library or the model. */
export interface LoadSettings extends RopeSettings {
  /** f16 by default. */
  readonly cacheTypeK?: CacheType | undefined;
  /** f16 by default. A quantized type needs flash attention. */
  readonly cacheTypeV?: CacheType | undefined;
  /** By default `auto`: used if the model supports it, unless attention without it was measured to be cheaper. */
  readonly flashAttention?: FlashAttention | undefined;
  /** By default `auto`: as many layers as fit. */
  readonly gpuLayers?: "auto" | "all" | number | undefined;
  /** Whether to map the model's file into memory; true by default. */
  readonly mmap?: boolean | undefined;
  /** Whether to lock the weights in memory; false by default. */
  readonly mlock?: boolean | undefined;
  readonly lora?: readonly LoraFile[] | undefined;
}

/** Makes the options of `loadModel`. @throws WaggleError unavailable, with the flag's name, if a setting is impossible on this machine */
export function modelOptionsOf(
  settings: LoadSettings,
  llama: Llama,
  modelPath: string,
  architecture: string,
): Partial<LlamaModelOptions> {
  const { cacheTypeK = "f16", cacheTypeV = "f16", flashAttention = "auto", mmap = true, mlock = false } = settings;
  if (mlock && !llama.supportsMlock) {
    throw cannotLoad(modelPath, "--mlock: this system cannot lock memory");
  }
  return {
    gpuLayers: gpuLayersOf(settings, llama, modelPath),
    useMmap: mmap,
    useMlock: mlock,
    // The library marks these options as deprecated because some types do not work; `cacheOptionsOf` rejects such types.
    // eslint-disable-next-line no-deprecated
    experimentalDefaultContextKvCacheKeyType: typeName(cacheTypeK),
    // eslint-disable-next-line no-deprecated
    experimentalDefaultContextKvCacheValueType: typeName(cacheTypeV),
    ...(flashAttention === "auto" ? {} : { defaultContextFlashAttention: flashAttention === "on" }),
    metadataOverrides: ropeOverrides(architecture, settings),
  };
}

function gpuLayersOf({ gpuLayers = "auto" }: LoadSettings, llama: Llama, modelPath: string): "auto" | "max" | number {
  if (llama.gpu !== false) return gpuLayers === "all" ? "max" : gpuLayers;
  if (gpuLayers === "auto" || gpuLayers === 0) return 0;
  throw cannotLoad(modelPath, `--gpu-layers ${gpuLayers}: there is no GPU`);
}

/** Cache options of a context. The cache types are options of `loadModel`. */
export interface CacheOptions {
  readonly flashAttention: boolean;
}

/**
 * @param isPlainBetter whether `auto` means no flash attention
 * @throws WaggleError unavailable, with the flag's name, if a setting is impossible with this model. With some of these settings, llama.cpp would
 *   end the process.
 */
export function cacheOptionsOf(
  settings: LoadSettings,
  model: LlamaModel,
  modelPath: string,
  isPlainBetter: boolean,
): CacheOptions {
  const { cacheTypeK = "f16", cacheTypeV = "f16" } = settings;
  const flashAttention = flashAttentionOf(settings, model.flashAttentionSupported, isPlainBetter);
  const problem =
    flashAttention.problem ??
    headProblem(model.fileInfo.architectureMetadata, { cacheTypeK, cacheTypeV }) ??
    ropeProblem(model.fileInfo, settings);
  if (problem !== undefined) throw cannotLoad(modelPath, problem);
  return { flashAttention: flashAttention.on };
}

export function loadedSettingsOf(
  settings: LoadSettings,
  { gpuLayers, useMmap, fileInfo }: Pick<LlamaModel, "gpuLayers" | "useMmap"> & { readonly fileInfo: GgufFileInfo },
  { flashAttention }: CacheOptions,
  batchSize: number,
): LoadedSettings {
  const rope = ropeInfo(fileInfo, settings);
  return {
    batch_size: batchSize,
    cache_type_k: settings.cacheTypeK ?? "f16",
    cache_type_v: settings.cacheTypeV ?? "f16",
    flash_attention: flashAttention,
    gpu_layers: gpuLayers,
    mmap: useMmap,
    mlock: settings.mlock ?? false,
    ...(rope === undefined ? {} : { rope }),
    lora: (settings.lora ?? []).map(({ path, scale }, id) => ({ id, file: basename(path), scale })),
  };
}
