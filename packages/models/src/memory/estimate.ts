// Estimates the memory of a model from its header alone, in the parts that llama.cpp allocates.
import { modelUseOf, type GgufHeader, type ModelUse } from "../header/index.ts";
import { cacheBytes, stateBytes } from "./parts/cache.ts";
import { computeBytes } from "./parts/compute.ts";
import { modelShapeOf, type ModelShape } from "./parts/layers.ts";
import { decideSettings, type LoadedSettings, type MemorySettings } from "./settings.ts";
import { weightBytes, type Split } from "./parts/weights.ts";

const floatBytes = 4;
/** Measured memory per token of the vocabulary in the library and in Node: several copies of its text, and maps from texts to tokens and back. */
const vocabularyWordBytes = 600;

/** All in bytes. `total` is the sum of `host` and `gpu`. */
export interface MemoryEstimate extends Split {
  readonly weights: number;
  /** KV cache of all slots. */
  readonly cache: number;
  /** Recurrent states of all slots. */
  readonly state: number;
  readonly compute: number;
  /** Logits, and vectors of a model that embeds. */
  readonly output: number;
  /** The vocabulary, in the process that loads the model. */
  readonly vocabulary: number;
  readonly total: number;
  /**
   * `total` without host memory that is never written. llama.cpp reserves space for the logits of a whole prompt, which takes no memory until a
   * request needs these logits.
   */
  readonly resident: number;
  /** The part of `resident` that is allocated with the context, after the model is loaded. */
  readonly context: Split;
}

export interface EstimatorOptions {
  /** `process.arch` of the machine that runs the model; by default of this machine. */
  readonly processor?: string;
  /** Use of the context; by default the model's. A model that generates may have a second context for embeddings. */
  readonly kind?: ModelUse["kind"];
}

/** @throws GgufError for a model that cannot be used; RangeError for invalid settings */
export function estimateMemory(
  header: GgufHeader,
  settings: MemorySettings,
  options: EstimatorOptions = {},
): MemoryEstimate {
  return createEstimator(header, options)(settings);
}

/** Like `estimateMemory`, for many settings of a model. @throws as `estimateMemory` */
export function createEstimator(
  header: GgufHeader,
  { processor = process.arch, kind }: EstimatorOptions = {},
): (settings: MemorySettings) => MemoryEstimate {
  const shape = modelShapeOf(header);
  const own = modelUseOf(header);
  // A second context for embeddings reads texts in pieces of its batch size.
  const use = kind === undefined || kind === own.kind ? own : { kind, mustBeWhole: shape.encoder };
  return (settings) => estimate(header, shape, decideSettings(shape, use, settings), processor);
}

function estimate(header: GgufHeader, shape: ModelShape, settings: LoadedSettings, processor: string): MemoryEstimate {
  const { gpuLayers } = settings;
  const weights = weightBytes(header, { layers: shape.layers.length, gpuLayers, processor });
  const cache = cacheBytes(shape, settings);
  const state = stateBytes(shape, settings);
  const computed = computeBytes(shape, settings);
  const compute = placeCompute(computed, shape, gpuLayers);
  const output = outputBytes(shape, settings);
  const vocabulary = shape.vocabulary * vocabularyWordBytes;
  const host = weights.host + cache.host + state.host + compute.host + output + vocabulary;
  const gpu = weights.gpu + cache.gpu + state.gpu + compute.gpu;
  const unwritten = gpuLayers === 0 ? computed.reserved - computed.written : 0;
  return {
    weights: sum(weights),
    cache: sum(cache),
    state: sum(state),
    compute: sum(compute),
    output,
    vocabulary,
    total: host + gpu,
    host,
    gpu,
    resident: host + gpu - unwritten,
    context: { host: host - weights.host - vocabulary - unwritten, gpu: gpu - weights.gpu },
  };
}

/** A context that generates has logits for each slot. A context that embeds has logits and a vector for each token of a batch. */
function outputBytes({ vocabulary, width }: ModelShape, { slots, outputs, embeds }: LoadedSettings): number {
  return embeds ? (vocabulary + width) * outputs * floatBytes : vocabulary * slots * floatBytes;
}

/** Layers compute where their weights are. A GPU with any layers has a whole compute buffer. So has the host, unless all layers are on the GPU. */
function placeCompute(
  { reserved, inputs }: { readonly reserved: number; readonly inputs: number },
  { layers }: ModelShape,
  gpuLayers: number,
): Split {
  if (gpuLayers === 0) return { host: reserved, gpu: 0 };
  return { host: gpuLayers > layers.length ? inputs : reserved, gpu: reserved };
}

function sum({ host, gpu }: Split): number {
  return host + gpu;
}
