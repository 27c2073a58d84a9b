// Estimates the memory of an engine process with a model. A worker with several engines adds up these estimates.
import { modelUseOf, type GgufHeader } from "../header/index.ts";
import { contextDefaults, textTokens, type ContextSizes } from "./engine-defaults.ts";
import { createEstimator, type MemoryEstimate } from "./estimate.ts";
import { engineProcessBytes, type Wanted } from "./largest-fit.ts";
import { modelShapeOf } from "./parts/layers.ts";
import { largest } from "./search.ts";
import { sharesContext } from "./settings.ts";
import { pictureMemory } from "./picture-memory.ts";

/** The part of a worker's settings on which the memory depends. */
export interface EngineSettings extends Wanted {
  readonly slots: number;
  /** Free memory of the GPU; undefined without a GPU: then all layers are on the host. */
  readonly gpuFreeBytes?: number | undefined;
  /** Whether the model's file is mapped into memory; true by default. */
  readonly mmap?: boolean | undefined;
  /** Bytes of all LoRA adapters' files. */
  readonly loraBytes?: number | undefined;
}

/** Memory of an engine process in bytes, host and GPU together. Only the sizes of the context are in tokens. */
export interface EngineMemory extends ContextSizes {
  /** Weights of the model and its adapters. */
  readonly weights: number;
  /** Keys and values of all jobs, with recurrent states. */
  readonly kvCache: number;
  /** Compute buffer and logits, without pages that are never written. */
  readonly compute: number;
  /** Node, the library and the vocabulary. */
  readonly process: number;
  /** The projector, its encoder's buffers, and kept embeddings of pictures; 0 without a projector. */
  readonly pictures: number;
  readonly total: number;
  /** `total` is the sum of `host` and `gpu`. */
  readonly host: number;
  readonly gpu: number;
  /** Pages of the model's file in host memory, which the system may drop and read again. With mmap these are the host's weights, else 0. */
  readonly mapped: number;
}

/** The memory with the configured or usual context, whether or not it fits. @throws GgufError for a model that cannot be used; RangeError for invalid settings */
export function engineMemory(header: GgufHeader, settings: EngineSettings): EngineMemory {
  const memory = fittingMemory(header, settings, () => true);
  if (memory === undefined) throw new RangeError("no context fits into unlimited memory");
  return memory;
}

/**
 * The memory with the largest default context that fits. A configured context is not made smaller, whether or not it fits.
 * @returns undefined if no context fits
 * @throws as `engineMemory`
 */
export function fittingMemory(
  header: GgufHeader,
  settings: EngineSettings,
  fits: (memory: EngineMemory) => boolean,
): EngineMemory | undefined {
  const { slots, contextSize, contextPool } = settings;
  const isShared = sharesContext(header, settings);
  const memoryOf = createEngineEstimator(header, settings, isShared);
  const trained = Math.max(1, modelShapeOf(header).trainedContext);
  const given = { trained, slots, contextSize, contextPool };
  if (modelUseOf(header).kind !== "generate") {
    const tokens = textTokens(given);
    return memoryOf({ contextSize: tokens, contextPool: tokens });
  }
  const sizes = contextDefaults({
    ...given,
    isShared,
    fits: (size, pool) => fits(memoryOf({ contextSize: size, contextPool: pool })),
  });
  return sizes === undefined ? undefined : memoryOf(sizes);
}

function createEngineEstimator(
  header: GgufHeader,
  settings: EngineSettings,
  isShared: boolean,
): (sizes: ContextSizes) => EngineMemory {
  const { gpuLayers = "auto", gpuFreeBytes, mmap = true, loraBytes = 0 } = settings;
  const pictures = settings.pictures === undefined ? 0 : pictureMemory(settings.pictures).total;
  const estimate = createEstimator(header);
  const layers = modelShapeOf(header).layers.length + 1;
  return (sizes) => {
    const { contextSize, contextPool } = sizes;
    const size = { contextSize, contextPool: isShared ? contextPool : undefined };
    const at = (count: number | "all"): MemoryEstimate => estimate({ ...settings, ...size, gpuLayers: count });
    const parts = (count: number | "all"): EngineMemory => {
      const isOnGpu = count === "all" || count > 0;
      return { ...sizes, ...memoryShares(at(count), { mmap, loraBytes, pictures, isOnGpu }) };
    };
    if (gpuFreeBytes === undefined) return parts(0);
    if (gpuLayers !== "auto") return parts(gpuLayers);
    const onGpu = (count: number): number => at(count).gpu + (count > 0 ? pictures : 0);
    return parts(largest(0, layers, (count) => onGpu(count) <= gpuFreeBytes) ?? 0);
  };
}

interface Extras {
  readonly mmap: boolean;
  readonly loraBytes: number;
  readonly pictures: number;
  /** Whether the encoder computes on the GPU: it does if any layer does. */
  readonly isOnGpu: boolean;
}

function memoryShares(
  estimate: MemoryEstimate,
  { mmap, loraBytes, pictures, isOnGpu }: Extras,
): Omit<EngineMemory, keyof ContextSizes> {
  const { cache, state, compute, output, vocabulary, context } = estimate;
  const unwritten = estimate.total - estimate.resident;
  const weights = estimate.weights + loraBytes;
  const kvCache = cache + state;
  const written = compute + output - unwritten;
  const process = engineProcessBytes + vocabulary;
  const total = weights + kvCache + written + process + pictures;
  const gpuWeights = estimate.gpu - context.gpu;
  const gpu = estimate.gpu + (isOnGpu ? pictures : 0);
  return {
    ...{ weights, kvCache, compute: written, process, pictures, total },
    host: total - gpu,
    gpu,
    mapped: mmap ? estimate.weights - gpuWeights : 0,
  };
}
