// Owns what a model takes in memory with given settings, known from its header alone, in the parts that llama.cpp allocates.
import { modelUseOf, type GgufHeader, type ModelUse } from "../header/index.ts";
import { cacheBytes, stateBytes } from "./graph/cache.ts";
import { computeBytes } from "./graph/compute.ts";
import { modelShapeOf, type ModelShape } from "./graph/layers.ts";
import { decideSettings, type LoadedSettings, type MemorySettings } from "./settings.ts";
import { weightBytes, type Split } from "./graph/weights.ts";

const floatBytes = 4;
/** What the library and Node keep of each word of the vocabulary, measured: its text several times, and maps to and from it. */
const vocabularyWordBytes = 600;

/** All in bytes. */
export interface MemoryEstimate {
  readonly weights: number;
  /** Of all slots, for all their tokens. */
  readonly cache: number;
  /** Recurrent states of all slots. */
  readonly state: number;
  readonly compute: number;
  readonly output: number;
  /** The vocabulary, in the process that loads the model. */
  readonly vocabulary: number;
  readonly total: number;
  /** The same bytes, by where they lie. */
  readonly host: number;
  readonly gpu: number;
  /**
   * The memory that the process grows by, while no request needs the logits of whole prompts: llama.cpp reserves room for them, which takes no memory
   * of the host before it is written to.
   */
  readonly resident: number;
  /** Of that, what a context takes once the model is loaded, and what it takes of a GPU. */
  readonly context: Split;
}

export interface EstimatorOptions {
  /** `process.arch` of the machine; that of this one by default. */
  readonly processor?: string;
  /** What the context is for, where that is not what the model is for: one that writes may give vectors as well. */
  readonly kind?: ModelUse["kind"];
}

/** @throws GgufError for a model that can be used for nothing; RangeError for settings that make no sense */
export function estimateMemory(
  header: GgufHeader,
  settings: MemorySettings,
  options: EstimatorOptions = {},
): MemoryEstimate {
  return createEstimator(header, options)(settings);
}

/** For many settings of one model. @throws as `estimateMemory` */
export function createEstimator(
  header: GgufHeader,
  { processor = process.arch, kind }: EstimatorOptions = {},
): (settings: MemorySettings) => MemoryEstimate {
  const shape = modelShapeOf(header);
  const own = modelUseOf(header);
  // A caller that opens a second context, for another use, reads texts in pieces of the size that it states.
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

/** Logits of the tokens after which something is asked; a vector takes those of all, and the vectors. */
function outputBytes({ vocabulary, width }: ModelShape, { slots, outputs, embeds }: LoadedSettings): number {
  return embeds ? (vocabulary + width) * outputs * floatBytes : vocabulary * slots * floatBytes;
}

/** A layer computes where its weights are; a GPU that has some of them has a whole buffer, and the host keeps one unless it has no layers. */
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
