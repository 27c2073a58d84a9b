// Owns the settings on which a model's memory depends, and the engine's decisions about values that are not set.
import { bytesOfWeights, modelUseOf, tensorTypeNamed } from "../header/index.ts";
import type { GgufHeader, ModelUse, TensorType } from "../header/index.ts";
import { modelShapeOf, type ModelShape } from "./parts/layers.ts";

export interface MemorySettings {
  /** Number of sequences. */
  readonly slots: number;
  /** Maximum number of tokens of one slot; for a model that only reads, tokens of a text. */
  readonly contextSize: number;
  /** Tokens of the pool that all slots share; undefined: each slot has memory for its whole context. */
  readonly contextPool?: number | undefined;
  /** Maximum number of tokens of a pass; by default 512, or 256 for models with recurrent layers. */
  readonly batchSize?: number | undefined;
  /** Name of a llama.cpp type such as `q8_0`, `q4_0`, `bf16`, `f32`; by default `f16`. */
  readonly cacheTypeK?: string | undefined;
  readonly cacheTypeV?: string | undefined;
  /** By default `auto`: used if the model supports it. The engine may go without it where the same context fits without it too. */
  readonly flashAttention?: boolean | "auto" | "on" | "off" | undefined;
  /** Number of layers on a GPU, counted from the end; the output matrix is the last layer. 0 by default. */
  readonly gpuLayers?: number | "all" | undefined;
}

/** Settings without undefined values: what llama.cpp gets. */
export interface LoadedSettings {
  readonly slots: number;
  /** Tokens that a slot may hold, or all slots together where they share one cache: the number of columns of a pass's mask. */
  readonly cells: number;
  /** Tokens that all slots hold together. */
  readonly poolCells: number;
  /** Cells whose values have memory: more than `poolCells` where a page holds one number of many cells. */
  readonly valueCells: number;
  /** Maximum number of tokens of a pass, of all slots together. */
  readonly tokens: number;
  /** Maximum number of tokens of a pass that may have logits, or a vector. */
  readonly outputs: number;
  readonly cacheTypeK: TensorType;
  readonly cacheTypeV: TensorType;
  readonly flashAttention: boolean;
  /** Whether a pass after a long context has fewer tokens, as `passTokensBehind` says. */
  readonly shortensPasses: boolean;
  readonly gpuLayers: number;
  /** Whether a pass also pools the last layer's output into vectors. */
  readonly embeds: boolean;
}

const defaultBatchSize = 512;
/** llama.cpp pads KV caches to a multiple of this number of cells. */
const cellStep = 256;
/** A recurrent state cannot be cut back, so it is saved only at the ends of passes: smaller passes save it at more positions. */
const recurrentBatchSize = defaultBatchSize / 2;
const mostLogitBytes = 64 * 2 ** 20;
const bytesPerLogit = 4;
const leastBatch = 64;
const pageBytes = 4_096;
/** Maximum number of scores of a head in a pass without flash attention, 4 bytes each; more only if 64 tokens have more. */
export const mostScores = 2 ** 21;
const leastPassTokens = 64;

/** Maximum number of tokens of a pass after so many cells without flash attention: the scores of a head take at most 8 MiB, or those of 64 tokens. */
export function passTokensBehind(cells: number): number {
  return Math.max(leastPassTokens, Math.floor(mostScores / Math.max(1, cells)));
}

export type ContextUse = Pick<ModelUse, "kind" | "mustBeWhole">;

/** @throws RangeError for an unknown cache type, and for sizes below 1 */
export function decideSettings(shape: ModelShape, use: ContextUse, settings: MemorySettings): LoadedSettings {
  const contextSize = atLeastOne(settings.contextSize, "context size");
  const reads = use.kind !== "generate";
  const slots = reads ? 1 : atLeastOne(settings.slots, "slots");
  // In a context for embeddings, the library keeps the last cell free.
  const slotCells = roundUp(reads ? contextSize + 1 : contextSize, cellStep);
  const gpuLayers = gpuLayersOf(shape, settings.gpuLayers);
  const flashAttention = flashAttentionOf(shape, settings.flashAttention);
  const contextPool = flashAttention || gpuLayers === 0 ? settings.contextPool : undefined;
  const poolCells = Math.min(slots * slotCells, roundUp(contextPool ?? Infinity, cellStep));
  // A GPU's pool is one cache of all sequences. On the CPU each sequence has a cache of full length, whose pages take memory once they are written.
  const isUnified = contextPool !== undefined && gpuLayers > 0;
  // Without flash attention, values are stored by column, so the last page of each column of each slot may hold one cell only.
  const cacheTypeV = cacheType(settings.cacheTypeV);
  const pageCells = pageBytes / bytesOfWeights(cacheTypeV, 1);
  const pagedCells = Math.min(slots * roundUp(slotCells, pageCells), poolCells + slots * pageCells);
  const isTransposed = contextPool !== undefined && !flashAttention;
  const recurs = isRecurrent(shape);
  const batchSize = Math.max(settings.batchSize ?? (recurs ? recurrentBatchSize : defaultBatchSize), slots);
  const wanted = !reads ? batchSize : use.mustBeWhole ? contextSize : Math.min(batchSize, embeddingBatch(shape));
  const most = Math.min(slotCells * slots, wanted);
  return {
    slots,
    cells: isUnified ? poolCells : slotCells,
    poolCells,
    valueCells: isTransposed ? pagedCells : poolCells,
    tokens: roundUp(most, slots),
    outputs: most,
    cacheTypeK: cacheType(settings.cacheTypeK),
    cacheTypeV,
    flashAttention,
    shortensPasses: isTransposed,
    gpuLayers,
    embeds: reads,
  };
}

/** Whether any layer has a recurrent state. */
function isRecurrent({ layers }: ModelShape): boolean {
  return layers.some(({ state }) => state > 0);
}

export interface SharingOptions {
  /** Whether our addon computes: the library's own binding has separate slots only. */
  readonly hasAddon?: boolean | undefined;
  readonly flashAttention?: MemorySettings["flashAttention"];
  /** By default `auto`: any layers if there is a GPU. */
  readonly gpuLayers?: MemorySettings["gpuLayers"] | "auto";
  /** Free memory of the GPU; undefined without a GPU. */
  readonly gpuFreeBytes?: number | undefined;
}

/**
 * Whether the slots of this model share a pool. A recurrent state has one place per slot. On a GPU the pool is one cache of all sequences, and
 * without flash attention the scores of a pass would grow with the length of all slots.
 */
export function sharesContext(header: GgufHeader, options: SharingOptions): boolean {
  const { hasAddon = false, flashAttention, gpuLayers = "auto", gpuFreeBytes } = options;
  if (!hasAddon || modelUseOf(header).kind !== "generate") return false;
  const shape = modelShapeOf(header);
  const mayUseGpu = gpuLayers === "auto" ? gpuFreeBytes !== undefined : gpuLayers !== 0;
  return !isRecurrent(shape) && (!mayUseGpu || flashAttentionOf(shape, flashAttention));
}

/** Maximum number of tokens of a pass that embeds. llama.cpp computes logits for each of these tokens, and the engine limits the memory of the logits. */
export function embeddingBatch({ vocabulary, width }: Pick<ModelShape, "vocabulary" | "width">): number {
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

/** Same rule as in node-llama-cpp. */
function flashAttentionSupported({ architecture, numbers }: ModelShape): boolean {
  if (architecture === "grok" || architecture === "gemma2") return false;
  return (numbers.keyLength ?? 0) === (numbers.valueLength ?? numbers.keyLength ?? 0);
}

function cacheType(name = "f16"): TensorType {
  const type = tensorTypeNamed(name);
  if (type === undefined) throw new RangeError(`unknown cache type ${name}`);
  return type;
}

function atLeastOne(value: number, what: string): number {
  if (!(value >= 1)) throw new RangeError(`${what}: ${value} is too small; the minimum is 1`);
  return Math.floor(value);
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
