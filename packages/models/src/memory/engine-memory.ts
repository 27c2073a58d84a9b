// Estimates the memory of an engine process with a model. A worker with several engines adds up these estimates.
import type { GgufHeader } from "../header/index.ts";
import { contextSizeOf } from "./engine-defaults.ts";
import { createEstimator, type MemoryEstimate } from "./estimate.ts";
import { engineProcessBytes, type Wanted } from "./largest-fit.ts";
import { modelShapeOf } from "./graph/layers.ts";
import { largest, longestContext } from "./search.ts";

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

/** Memory of an engine process in bytes, host and GPU together. Only `contextSize` is in tokens. */
export interface EngineMemory {
  /** Tokens per slot. */
  readonly contextSize: number;
  /** Weights of the model and its adapters. */
  readonly weights: number;
  /** Keys and values of all slots, with recurrent states. */
  readonly kvCache: number;
  /** Compute buffer and logits, without pages that are never written. */
  readonly compute: number;
  /** Node, the library and the vocabulary. */
  readonly process: number;
  readonly total: number;
  /** `total` is the sum of `host` and `gpu`. */
  readonly host: number;
  readonly gpu: number;
  /** Pages of the model's file in host memory, which the system may drop and read again. With mmap these are the host's weights, else 0. */
  readonly mapped: number;
}

/** @throws GgufError for a model that cannot be used; RangeError for invalid settings */
export function engineMemory(header: GgufHeader, settings: EngineSettings): EngineMemory {
  return createEngineEstimator(header, settings)(contextSizeOf(header, settings.contextSize));
}

/**
 * Finds the longest context per slot, up to the trained one, with which the engine takes at most `hostBytes` of host memory.
 * `settings.contextSize` is ignored.
 * @returns undefined if no context fits
 * @throws as `engineMemory`
 */
export function largestContext(header: GgufHeader, settings: EngineSettings, hostBytes: number): number | undefined {
  const memoryOf = createEngineEstimator(header, settings);
  const trained = Math.max(1, modelShapeOf(header).trainedContext);
  return longestContext(trained, (contextSize) => {
    const { host, gpu } = memoryOf(contextSize);
    return host <= hostBytes && gpu <= (settings.gpuFreeBytes ?? 0);
  });
}

function createEngineEstimator(header: GgufHeader, settings: EngineSettings): (contextSize: number) => EngineMemory {
  const { gpuLayers = "auto", gpuFreeBytes, mmap = true, loraBytes = 0 } = settings;
  const estimate = createEstimator(header);
  const layers = modelShapeOf(header).layers.length + 1;
  return (contextSize) => {
    const at = (count: number | "all"): MemoryEstimate => estimate({ ...settings, contextSize, gpuLayers: count });
    const parts = (count: number | "all"): EngineMemory => ({ contextSize, ...partsOf(at(count), mmap, loraBytes) });
    if (gpuFreeBytes === undefined) return parts(0);
    if (gpuLayers !== "auto") return parts(gpuLayers);
    return parts(largest(0, layers, (count) => at(count).gpu <= gpuFreeBytes) ?? 0);
  };
}

function partsOf(estimate: MemoryEstimate, mmap: boolean, loraBytes: number): Omit<EngineMemory, "contextSize"> {
  const { cache, state, compute, output, vocabulary, gpu, context } = estimate;
  const unwritten = estimate.total - estimate.resident;
  const weights = estimate.weights + loraBytes;
  const kvCache = cache + state;
  const written = compute + output - unwritten;
  const process = engineProcessBytes + vocabulary;
  const total = weights + kvCache + written + process;
  const gpuWeights = gpu - context.gpu;
  return {
    ...{ weights, kvCache, compute: written, process, total },
    host: total - gpu,
    gpu,
    mapped: mmap ? estimate.weights - gpuWeights : 0,
  };
}
