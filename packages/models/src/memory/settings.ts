// Owns with which settings a model is loaded, as far as its memory depends on them, and what the engine makes of them.
import { tensorTypeNamed, type ModelUse, type TensorType } from "../header/index.ts";
import type { ModelShape } from "./graph/layers.ts";

export interface MemorySettings {
  /** Sequences with a cache each. */
  readonly slots: number;
  /** Tokens per slot; of a model that only reads, of a text. */
  readonly contextSize: number;
  /** Most tokens of a pass; by default 512, less where that takes less. */
  readonly batchSize?: number | undefined;
  /** `f16` unless given, as llama.cpp names types: `q8_0`, `q4_0`, `bf16`, `f32`. */
  readonly cacheTypeK?: string | undefined;
  readonly cacheTypeV?: string | undefined;
  /** `auto` by default: where the engine takes it. */
  readonly flashAttention?: boolean | "auto" | "on" | "off" | undefined;
  /** Layers on a GPU, counted from the last, which is the output's; 0 by default. */
  readonly gpuLayers?: number | "all" | undefined;
}

/** The same, with everything decided. */
export interface LoadedSettings {
  readonly slots: number;
  /** Places of each slot's cache. */
  readonly cells: number;
  /** Of a pass. */
  readonly tokens: number;
  /** Tokens after which logits may be asked for in one pass. */
  readonly outputs: number;
  readonly cacheTypeK: TensorType;
  readonly cacheTypeV: TensorType;
  readonly flashAttention: boolean;
  readonly gpuLayers: number;
  readonly embeds: boolean;
}

const defaultBatchSize = 512;
/** llama.cpp pads caches to multiples of it. */
const cellStep = 256;
/** Where memory cannot be cut, what is computed in one piece can only be kept as one. */
const recurrentBatchSize = defaultBatchSize / 2;
const mostLogitBytes = 64 * 2 ** 20;
const bytesPerLogit = 4;
const leastBatch = 64;

/** What a context is for. */
export type ContextUse = Pick<ModelUse, "kind" | "mustBeWhole">;

/** @throws RangeError for a type of cache that there is not, and sizes below 1 */
export function decideSettings(shape: ModelShape, use: ContextUse, settings: MemorySettings): LoadedSettings {
  const contextSize = atLeastOne(settings.contextSize, "a context");
  const reads = use.kind !== "generate";
  const slots = reads ? 1 : atLeastOne(settings.slots, "the number of slots");
  // Of a context for vectors the library keeps the last place free.
  const cells = roundUp(reads ? contextSize + 1 : contextSize, cellStep);
  const recurs = shape.layers.some(({ state }) => state > 0);
  const batchSize = Math.max(settings.batchSize ?? (recurs ? recurrentBatchSize : defaultBatchSize), slots);
  const wanted = !reads ? batchSize : use.mustBeWhole ? contextSize : Math.min(batchSize, bearableBatch(shape));
  const most = Math.min(cells * slots, wanted);
  return {
    slots,
    cells,
    tokens: roundUp(most, slots),
    outputs: most,
    cacheTypeK: cacheType(settings.cacheTypeK),
    cacheTypeV: cacheType(settings.cacheTypeV),
    flashAttention: flashAttentionOf(shape, settings.flashAttention),
    gpuLayers: gpuLayersOf(shape, settings.gpuLayers),
    embeds: reads,
  };
}

/** Of a pass for vectors, of which llama.cpp computes all logits: the engine lets them take so much. */
function bearableBatch({ vocabulary, width }: ModelShape): number {
  return Math.max(leastBatch, Math.floor(mostLogitBytes / (bytesPerLogit * (vocabulary + width))));
}

export function gpuLayersOf({ layers }: Pick<ModelShape, "layers">, wanted: MemorySettings["gpuLayers"] = 0): number {
  const all = layers.length + 1;
  return wanted === "all" ? all : Math.max(0, Math.min(wanted, all));
}

function flashAttentionOf(shape: ModelShape, wanted: MemorySettings["flashAttention"] = "auto"): boolean {
  if (wanted === "auto") return flashAttentionSupported(shape);
  return wanted === true || wanted === "on";
}

/** As node-llama-cpp decides it for the engine. */
function flashAttentionSupported({ architecture, numbers }: ModelShape): boolean {
  if (architecture === "grok" || architecture === "gemma2") return false;
  return (numbers.keyLength ?? 0) === (numbers.valueLength ?? numbers.keyLength ?? 0);
}

function cacheType(name = "f16"): TensorType {
  const type = tensorTypeNamed(name);
  if (type === undefined) throw new RangeError(`${name} is no type that llama.cpp knows`);
  return type;
}

function atLeastOne(value: number, what: string): number {
  if (!(value >= 1)) throw new RangeError(`${what} of ${value}: at least 1 is wanted`);
  return Math.floor(value);
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
