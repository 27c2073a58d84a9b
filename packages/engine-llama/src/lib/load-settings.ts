// Owns what may be set when a model is loaded: what each setting is to the library, what of it cannot be had with this model, and what became of it.
import { basename } from "node:path";
import type { CacheType, FlashAttention, LoadedSettings } from "@waggle/protocol";
import type { GgufFileInfo, Llama, LlamaContextOptions, LlamaModel, LlamaModelOptions } from "node-llama-cpp";
import { flashAttentionOf, headProblem, typeName } from "./cache-types.ts";
import { cannotLoad } from "./load-error.ts";
import type { LoraFile } from "./lora.ts";
import { ropeInfo, ropeOverrides, ropeProblem, type RopeSettings } from "./rope.ts";

/** All but `lora` are llama.cpp's own; what is not given is as the library or the model has it. */
export interface LoadSettings extends RopeSettings {
  /** f16 by default. */
  readonly cacheTypeK?: CacheType | undefined;
  /** f16 by default. A quantized one needs flash attention. */
  readonly cacheTypeV?: CacheType | undefined;
  /** `auto` takes it where the model can be computed with it. */
  readonly flashAttention?: FlashAttention | undefined;
  /** `auto` by default: as many as fit. */
  readonly gpuLayers?: "auto" | "all" | number | undefined;
  /** True by default. */
  readonly mmap?: boolean | undefined;
  /** False by default. */
  readonly mlock?: boolean | undefined;
  readonly lora?: readonly LoraFile[] | undefined;
}

/** What `loadModel` is told. @throws WaggleError unavailable, naming the flag, where a setting cannot be had on this machine */
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
    // Deprecated as unstable: what does not work of it is refused (decision 086).
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
  throw cannotLoad(modelPath, `--gpu-layers ${gpuLayers}: there is no GPU to compute on`);
}

/** The types of the cache are the model's own from its loading on. */
export type CacheOptions = Required<Pick<LlamaContextOptions, "flashAttention">>;

/**
 * What the context of the slots is told of its cache.
 * @throws WaggleError unavailable, naming the flag, where a setting cannot be had with this model: llama.cpp would end the process over some
 */
export function cacheOptionsOf(settings: LoadSettings, model: LlamaModel, modelPath: string): CacheOptions {
  const { cacheTypeK = "f16", cacheTypeV = "f16" } = settings;
  const flashAttention = flashAttentionOf(settings, model.flashAttentionSupported);
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
    flash_attention: flashAttention === true,
    gpu_layers: gpuLayers,
    mmap: useMmap,
    mlock: settings.mlock ?? false,
    ...(rope === undefined ? {} : { rope }),
    lora: (settings.lora ?? []).map(({ path, scale }, id) => ({ id, file: basename(path), scale })),
  };
}
