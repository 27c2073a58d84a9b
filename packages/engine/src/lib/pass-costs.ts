// Owns what passes take: each pass is recorded here once, and whoever decides asks here. It decides nothing and knows
// no clock.
import type { StepStats } from "./messages.ts";
import { createRecentMedian, type RecentMedian } from "./recent-median.ts";

/** Of one kind, with one number of threads: as many as a trial takes of each. */
export const rememberedPasses = 9;
/** How fast old times lose their weight, per pass: contexts grow and machines change, but not within a few passes. */
const agingPerPass = 1.002;
/** llama.cpp's flash attention takes so many prompt tokens at once (`ggml_fa_tile_config`, ggml-cpu). */
export const tileTokens = 64;
/** What a token costs in a smaller chunk, in costs of one in a tile, until it was measured. */
const partPrice = 2;
/** Behind a long context even two may take longer than allowed, but a prompt has to get on. */
export const leastPartTokens = 2;

export type PassShape = Pick<StepStats, "decodeRows" | "tokens">;
export type Pass = PassShape & Pick<StepStats, "threads" | "passMs">;

/**
 * Passes that take about as long with the same threads: two sizes for each doubling of the tokens, and those that only
 * decode (even) apart from those with prompt tokens (odd). A greater kind has more tokens, or as many.
 */
export type PassKind = number;

export function kindOf({ decodeRows, tokens }: PassShape): PassKind {
  return 2 * Math.round(2 * Math.log2(tokens)) + (tokens > decodeRows ? 1 : 0);
}

export interface PassCosts {
  /**
   * Records a pass under the threads that computed it: one on trial teaches nobody who asks for another count. Returns
   * what it should have taken at most, in ms, by what was known before; Infinity for the first of its kind.
   */
  add(pass: Pass): number;
  /** What a pass of this kind takes with so many threads, in ms. */
  usualMs(kind: PassKind, threads: number): number | undefined;
  /** What a step takes in which so many slots decode, with the threads it will have. Undefined before the first one. */
  stepMs(decoding: number): number | undefined;
  /** What each of so many prompt tokens adds to such a step. Undefined before the first prompt. */
  tokenMs(tokens: number, decoding?: number): number | undefined;
}

/** @param threadsFor how many threads a pass of this kind has when nothing is on trial */
export function createPassCosts(threadsFor: (kind: PassKind) => number): PassCosts {
  const kinds = new Map<PassKind, Times>();
  /** What a prompt token adds to a step, in chunks of a tile and more, and in smaller ones. Long contexts cost more. */
  const [tiled, parts] = [createTimes(), createTimes()];
  const usualMs = (kind: PassKind, threads = threadsFor(kind)): number | undefined => kinds.get(kind)?.usualMs(threads);

  /** A lower bound where this width was never measured: a wider step takes longer, though less for each row. */
  function stepMs(decoding: number): number | undefined {
    const exactMs = usualMs(kindOf({ decodeRows: decoding, tokens: decoding }));
    if (exactMs !== undefined) return exactMs;
    const decodes = [...kinds.keys()].filter((kind) => kind % 2 === 0);
    const bounds = decodes.map((kind) => (usualMs(kind) ?? 0) * Math.min(1, decoding / 2 ** (kind / 4)));
    return bounds.length === 0 ? undefined : Math.max(...bounds);
  }

  return {
    stepMs,
    usualMs,
    add({ decodeRows, tokens, threads, passMs }) {
      const kind = kindOf({ decodeRows, tokens });
      const times = kinds.get(kind) ?? createTimes();
      kinds.set(kind, times);
      const expectedMs = times.expectedMs(threads);
      times.add(threads, passMs);
      const promptTokens = tokens - decodeRows;
      const promptMs = passMs - (decodeRows === 0 ? 0 : (stepMs(decodeRows) ?? passMs));
      if (promptTokens >= leastPartTokens && promptMs > 0) {
        (promptTokens < tileTokens ? parts : tiled).add(threads, promptMs / promptTokens);
      }
      return expectedMs;
    },
    tokenMs(tokens, decoding = 0) {
      const threads = threadsFor(kindOf({ decodeRows: decoding, tokens: decoding + tokens }));
      const [tiledMs, partMs] = [tiled.usualMs(threads), parts.usualMs(threads)];
      if (tokens >= tileTokens) return tiledMs ?? partMs;
      return partMs ?? (tiledMs === undefined ? undefined : partPrice * tiledMs);
    },
  };
}

/** What one thing takes with each number of threads, in ms. */
interface Times {
  add(threads: number, ms: number): void;
  /** What it takes; where that was never measured, what it should take at most. Undefined before the first. */
  usualMs(threads: number): number | undefined;
  /** At most, by what it took with more (as if work divided perfectly) and with fewer; Infinity before the first. */
  expectedMs(threads: number): number;
}

function createTimes(): Times {
  /** The median is kept beside the passes: it is asked for often. */
  const known = new Map<number, { readonly recent: RecentMedian; medianMs: number; lastPass: number }>();
  let passes = 0;

  function expectedMs(threads: number): number {
    let leastMs = Infinity;
    for (const [count, { medianMs, lastPass }] of known) {
      const agedMs = medianMs * agingPerPass ** (passes - lastPass);
      leastMs = Math.min(leastMs, agedMs * Math.max(1, count / threads));
    }
    return leastMs;
  }

  return {
    expectedMs,
    usualMs: (threads) => known.get(threads)?.medianMs ?? (passes === 0 ? undefined : expectedMs(threads)),
    add(threads, ms) {
      passes += 1;
      const recent = known.get(threads)?.recent ?? createRecentMedian(rememberedPasses);
      recent.add(ms);
      known.set(threads, { recent, medianMs: recent.value ?? ms, lastPass: passes });
    },
  };
}
