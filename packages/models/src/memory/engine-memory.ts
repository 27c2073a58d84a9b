// Owns what an engine's process takes with a model, as a worker counts it that has several of them: in few parts, and with the process itself.
import type { GgufHeader } from "../header/index.ts";
import { contextSizeOf } from "./engine-defaults.ts";
import { createEstimator, type MemoryEstimate } from "./estimate.ts";
import { engineProcessBytes } from "./largest-fit.ts";
import { modelShapeOf } from "./graph/layers.ts";
import { largest, longestContext } from "./search.ts";
import type { MemorySettings } from "./settings.ts";

/** As in a worker's settings. */
export interface EngineSettings extends Omit<MemorySettings, "contextSize" | "gpuLayers"> {
  /** The engine's own default unless given: what the model was trained on, 8,192 at most. */
  readonly contextSize?: number | undefined;
  /** `auto` by default: as many as `gpuFreeBytes` takes. */
  readonly gpuLayers?: MemorySettings["gpuLayers"] | "auto";
  /** Undefined without a GPU: then all layers are on the host. */
  readonly gpuFreeBytes?: number | undefined;
  /** True by default. */
  readonly mmap?: boolean | undefined;
  /** Of the files of all adapters. */
  readonly loraBytes?: number | undefined;
}

/** All in bytes, host and GPU together. */
export interface EngineMemory {
  /** Tokens per slot with which it was reckoned; no bytes. */
  readonly contextSize: number;
  /** With adapters. */
  readonly weights: number;
  /** Keys and values of all slots, with recurrent states. */
  readonly kvCache: number;
  /** What a pass computes in and its logits, as far as it is ever written to. */
  readonly compute: number;
  /** Node, the library and the vocabulary. */
  readonly process: number;
  readonly total: number;
  /** The same bytes, by where they lie. */
  readonly host: number;
  readonly gpu: number;
  /** Of those on the host, pages of the file, which the system may drop and read again: with mmap the weights there, else 0. */
  readonly mapped: number;
}

/** @throws GgufError for a model that can be used for nothing; RangeError for settings that make no sense */
export function engineMemory(header: GgufHeader, settings: EngineSettings): EngineMemory {
  return createReckoner(header, settings)(contextSizeOf(header, settings.contextSize));
}

/**
 * The longest context for each slot with which the engine takes no more than this of the host, up to what the model was trained on; undefined where
 * no context fits. The context of `settings` is ignored.
 * @throws as `engineMemory`
 */
export function largestContext(header: GgufHeader, settings: EngineSettings, hostBytes: number): number | undefined {
  const reckon = createReckoner(header, settings);
  const trained = Math.max(1, modelShapeOf(header).trainedContext);
  return longestContext(trained, (contextSize) => {
    const { host, gpu } = reckon(contextSize);
    return host <= hostBytes && gpu <= (settings.gpuFreeBytes ?? 0);
  });
}

function createReckoner(header: GgufHeader, settings: EngineSettings): (contextSize: number) => EngineMemory {
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
