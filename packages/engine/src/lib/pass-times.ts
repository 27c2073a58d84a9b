// Owns what passes of one size take with each number of threads. It decides nothing.
import { createRecentMedian, type RecentMedian } from "./recent-median.ts";

const rememberedPasses = 15;
/** How fast old times lose their word, per pass: contexts grow and machines change, but not within a few passes. */
const agingPerPass = 1.002;

export interface PassTimes {
  add(threads: number, passMs: number): void;
  /** What a pass with so many threads takes, in ms; undefined where none was measured. */
  usualMs(threads: number): number | undefined;
  /**
   * The longest that a pass with so many threads should take, in ms, judging by what it took with more (as if work
   * divided perfectly) and with fewer; Infinity before the first pass.
   */
  expectedMs(threads: number): number;
}

interface Times {
  readonly recent: RecentMedian;
  /** Of `recent`: asked for often, so it is kept. */
  medianMs: number;
  lastPass: number;
}

export function createPassTimes(): PassTimes {
  const known = new Map<number, Times>();
  let passes = 0;

  function usualMs(threads: number): number | undefined {
    const times = known.get(threads);
    return times === undefined ? undefined : agedMs(times);
  }

  function agedMs({ medianMs, lastPass }: Times): number {
    return lastPass === passes ? medianMs : medianMs * agingPerPass ** (passes - lastPass);
  }

  return {
    usualMs,
    add(threads, passMs) {
      passes += 1;
      const times = known.get(threads) ?? {
        recent: createRecentMedian(rememberedPasses),
        medianMs: passMs,
        lastPass: 0,
      };
      known.set(threads, times);
      times.recent.add(passMs);
      times.medianMs = times.recent.value ?? passMs;
      times.lastPass = passes;
    },
    expectedMs(threads) {
      let leastMs = Infinity;
      for (const [count, times] of known) leastMs = Math.min(leastMs, agedMs(times) * Math.max(1, count / threads));
      return leastMs;
    },
  };
}
