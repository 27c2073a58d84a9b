// Stores the measured times of passes, from which the other modules in this folder decide. The module knows no clock.
import type { StepStats } from "../port/messages.ts";
import { createRecentMedian, type RecentMedian } from "./recent-median.ts";

/** Number of passes remembered for each kind and number of threads. A trial has this many passes with each of its two counts. */
export const rememberedPasses = 9;
/** An old time, used as an upper bound, grows by this factor with each later pass, because contexts grow and machines change. */
const agingPerPass = 1.002;
/** llama.cpp's flash attention computes this many prompt tokens at once (`ggml_fa_tile_config`, ggml-cpu). */
export const tileTokens = 64;
/** Cost of a prompt token in a smaller chunk, relative to a token in a tile, until the cost is measured. */
const partPrice = 2;
/** Least prompt tokens in a step. Behind a long context even two tokens may take longer than allowed, but a prompt must progress. */
export const leastPartTokens = 2;

export type PassShape = Pick<StepStats, "decodeRows" | "tokens">;
export type Pass = PassShape & Pick<StepStats, "threads" | "passMs">;

/**
 * A group of passes that take about equally long with the same number of threads. There are two sizes for each doubling of
 * the tokens. Even kinds only decode, odd kinds contain prompt tokens. A greater kind never has fewer tokens.
 */
export type PassKind = number;

export function kindOf({ decodeRows, tokens }: PassShape): PassKind {
  return 2 * Math.round(2 * Math.log2(tokens)) + (tokens > decodeRows ? 1 : 0);
}

export interface PassCosts {
  /**
   * Records a pass under its number of threads, so that a trial does not change the times with other numbers of threads.
   * @returns the most milliseconds that the pass should have taken, estimated from earlier passes; Infinity for the first
   * pass of its kind
   */
  add(pass: Pass): number;
  /** Usual time of a pass of this kind with this number of threads. Milliseconds; undefined before the first pass of the kind. */
  usualMs(kind: PassKind, threads: number): number | undefined;
  /** Usual time of a step in which this many slots decode, outside of trials. Milliseconds; undefined before the first step. */
  stepMs(decoding: number): number | undefined;
  /** Time that each of this many prompt tokens adds to a step. Milliseconds; undefined before the first prompt. */
  tokenMs(tokens: number, decoding?: number): number | undefined;
}

/** @param threadsFor the number of threads of a pass of this kind outside of trials */
export function createPassCosts(threadsFor: (kind: PassKind) => number): PassCosts {
  const kinds = new Map<PassKind, Times>();
  /** Times that a prompt token adds to a step: in chunks of at least one tile, and in smaller chunks. */
  const [tiled, parts] = [createTimes(), createTimes()];
  const usualMs = (kind: PassKind, threads = threadsFor(kind)): number | undefined => kinds.get(kind)?.usualMs(threads);

  /** If no step with this many rows was measured, returns a lower bound: more rows take longer, though less for each row. */
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

/** Times of one kind of work with each number of threads. Milliseconds. */
interface Times {
  add(threads: number, ms: number): void;
  /** The usual time; for an unmeasured number of threads, `expectedMs`. Undefined before the first time. */
  usualMs(threads: number): number | undefined;
  /**
   * The most that the work should take: the least of its times with fewer threads, and of its times with more threads, scaled
   * as if work divided perfectly among threads. Infinity before the first time.
   */
  expectedMs(threads: number): number;
}

function createTimes(): Times {
  /** The median is stored because it is read often. */
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
