// Measures what attention costs on this machine with and without flash attention, and chooses by the price of what people ask for. Decision 105.
import { tileTokens } from "@waggle/engine";
import { bytesOfWeights, tensorTypeOf } from "@waggle/models/header";
import type { AttentionShape } from "@waggle/models/memory";
import type { AttentionCosts, StepCosts } from "@waggle/protocol";
import type { Addon } from "./addon-decoder.ts";

/** Context after which attention is measured. A model whose jobs cannot hold it keeps flash attention. */
const measuredCells = 2_048;
/** So much context costs nothing beyond the price of a row: llama.cpp always computes attention over as many cells. */
const freeCells = 256;
/** A request as people send them: so many tokens are read, and so many written. */
const [readTokens, writtenTokens] = [2_000, 300];
/** Attention without flash must take at most this part of the time. */
const worthChanging = 0.95;
/** One layer may be in the processor's cache, where a whole model is not: a row is measured with layers of so many bytes. */
const rowBytes = 32 * 2 ** 20;
const repetitions = 4;
/** Without flash attention, a token of a piece with so many costs about as much as one of a longer piece. */
const fewRows = 8;

export interface MeasureAttentionOptions {
  readonly addon: Addon;
  /** The library's `AddonModel`. */
  readonly model: object;
  readonly shape: AttentionShape;
  /** ggml's number of the types of keys and values. */
  readonly typeK: number;
  readonly typeV: number;
  readonly threads: number;
}

type Form = "flash" | "plain";

export function isMeasurable(contextSize: number): boolean {
  return contextSize > measuredCells;
}

/** Takes about half a second, most of it for the memory. The least time of each measurement counts: other programs only make it longer. */
export async function measureAttention(options: MeasureAttentionOptions): Promise<AttentionCosts> {
  const flash = await formCosts(options, true);
  return { cells: measuredCells, threads: options.threads, flash, plain: await formCosts(options, false) };
}

async function formCosts(options: MeasureAttentionOptions, isFlash: boolean): Promise<AttentionCosts[Form]> {
  const { addon, model, shape, threads, typeK, typeV } = options;
  const tokenMs = async (tokens: number, layers: number): Promise<number> => {
    const size = { tokens, layers, cells: measuredCells, flash: isFlash ? 1 : 0 };
    const ms = await addon.measureAttention(model, { ...shape, ...size, typeK, typeV, threads, repetitions });
    return rounded((ms * shape.layers) / layers / tokens);
  };
  const layers = Math.max(1, Math.min(shape.layers, Math.floor(rowBytes / layerBytes(options))));
  return { row_ms: await tokenMs(1, layers), tile_ms: await tokenMs(tileTokens, 1) };
}

function layerBytes({ shape, typeK, typeV }: MeasureAttentionOptions): number {
  const { keyHeads, keyLength, valueLength } = shape;
  const vectorBytes = (id: number, length: number): number => {
    const type = tensorTypeOf(id);
    return type === undefined ? 2 * length : bytesOfWeights(type, length);
  };
  return measuredCells * keyHeads * (vectorBytes(typeK, keyLength) + vectorBytes(typeV, valueLength));
}

/**
 * Whether attention without flash is worth it: by the time of all attention for a usual request. Its prompt is read after half of the measured context on
 * average, and its answer is written after all of it.
 */
export function isPlainCheaper({ flash, plain }: AttentionCosts): boolean {
  return requestMs(plain) <= worthChanging * requestMs(flash);
}

function requestMs({ row_ms: rowMs, tile_ms: tileMs }: AttentionCosts[Form]): number {
  return (readTokens * tileMs) / 2 + writtenTokens * rowMs;
}

/** Returns what 1,000 tokens of context add to a token, with one thread. */
export function contextCosts(costs: AttentionCosts, flash: boolean): StepCosts["context"] {
  const { cells, threads } = costs;
  const { row_ms: rowMs, tile_ms: tileMs } = flash ? costs.flash : costs.plain;
  const share = (ms: number): number => rounded((ms * threads * 1_000) / (cells - freeCells));
  return { row_ms: share(rowMs), tile_ms: share(tileMs) };
}

/** Fewest tokens of an entry that attention computes at once: flash attention has tiles, and without it some rows are a matrix product. */
export function attentionTileOf(flash: boolean): number {
  return flash ? tileTokens : fewRows;
}

/** Rounds to a thousandth. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
