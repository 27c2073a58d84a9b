// Stores the measured times of passes: each pass is recorded here once, and the deciding modules read the times. The module knows no clock.
import type { StepStats } from "../port/messages.ts";
import { createRecentMedian, type RecentMedian } from "./recent-median.ts";

/** Number of passes remembered for one kind and one number of threads: as many as a trial takes of each. */
export const rememberedPasses = 9;
/** How fast old times lose their weight, per pass: contexts grow and machines change, but not within a few passes. */
const agingPerPass = 1.002;
/** llama.cpp's flash attention computes this many prompt tokens at once (`ggml_fa_tile_config`, ggml-cpu). */
export const tileTokens = 64;
/** Cost of a token in a smaller chunk, relative to one in a tile, until it is measured. */
const partPrice = 2;
/** Least prompt tokens in a step. Behind a long context even two tokens may take longer than allowed, but a prompt must progress. */
export const leastPartTokens = 2;

export type PassShape = Pick<StepStats, "decodeRows" | "tokens">;
export type Pass = PassShape & Pick<StepStats, "threads" | "passMs">;

/**
 * A group of passes that take about as long with the same threads. There are two sizes for each doubling of the tokens.
 * Even kinds only decode, odd kinds contain prompt tokens. A greater kind has more tokens, or as many.
 */
export type PassKind = number;

export function kindOf({ decodeRows, tokens }: PassShape): PassKind {
  return 2 * Math.round(2 * Math.log2(tokens)) + (tokens > decodeRows ? 1 : 0);
}

export interface PassCosts {
  /**
   * Records a pass under the threads that computed it, so that a trial does not change the times of other counts.
   * @returns the most ms that the pass should have taken, judged by earlier passes; Infinity for the first pass of its
   * kind
   */
  add(pass: Pass): number;
  /** Usual time of a pass of this kind with so many threads, in ms. */
  usualMs(kind: PassKind, threads: number): number | undefined;
  /** Usual time of a step in which this many slots decode, with the threads that the step will have. Undefined before the first step. */
  stepMs(decoding: number): number | undefined;
  /** Time that each of this many prompt tokens adds to a step. Undefined before the first prompt. */
  tokenMs(tokens: number, decoding?: number): number | undefined;
}

/** @param threadsFor number of threads of a pass of this kind when nothing is on trial */
export function createPassCosts(threadsFor: (kind: PassKind) => number): PassCosts {
  const kinds = new Map<PassKind, Times>();
  /** Time that a prompt token adds to a step: in chunks of at least one tile, and in smaller chunks. Long contexts cost more. */
  const [tiled, parts] = [createTimes(), createTimes()];
  const usualMs = (kind: PassKind, threads = threadsFor(kind)): number | undefined => kinds.get(kind)?.usualMs(threads);

  /** Where this width was never measured, the result is a lower bound: a wider step takes longer, though less for each row. */
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

/** Times of one kind of work with each number of threads, in ms. */
interface Times {
  add(threads: number, ms: number): void;
  /** The usual time; for an unmeasured number of threads, the most that the work should take. Undefined before the first time. */
  usualMs(threads: number): number | undefined;
  /**
   * The most that the work should take, judged by the times with more threads (as if work divided perfectly) and with
   * fewer; Infinity before the first.
   */
  expectedMs(threads: number): number;
}

function createTimes(): Times {
  /** The median is stored with the passes because it is read often. */
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
