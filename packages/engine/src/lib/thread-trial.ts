// Owns one comparison of two thread counts on real passes. It knows no pass sizes and nothing of when to try.
import { createRecentMedian } from "./recent-median.ts";

/** The two counts take turns of so many passes: a context that grows or a neighbour that comes then touches both. */
const turnPasses = 3;
const turnsEach = 3;
/** Usual passes that the candidate may lose before the trial ends early. */
const mostLostPasses = 3;
/** Part of the present count's time that more threads may take at most: they want a core that others may want. */
const moreMayTake = 0.9;
/** Part that fewer threads may take at most: anything closer is noise. */
const fewerMayTake = 0.97;

export interface ThreadTrialOptions {
  readonly present: number;
  readonly candidate: number;
  /** What a pass takes at present, in ms. */
  readonly usualMs: number;
}

export interface TrialVerdict {
  readonly better: boolean;
  /** What the candidate's passes took longer than usual ones, in ms; negative where they were faster. */
  readonly lostMs: number;
}

export interface ThreadTrial {
  readonly candidate: number;
  /** Of the next pass. */
  readonly threads: number;
  /** Takes a pass; returns the verdict once there is one. */
  observe(threads: number, passMs: number): TrialVerdict | undefined;
}

export function createThreadTrial({ present, candidate, usualMs }: ThreadTrialOptions): ThreadTrial {
  const presentMs = createRecentMedian(turnPasses * turnsEach);
  const candidateMs = createRecentMedian(turnPasses * turnsEach);
  let passes = 0;
  let lostMs = 0;

  return {
    candidate,
    get threads() {
      return Math.floor(passes / turnPasses) % 2 === 0 ? candidate : present;
    },
    observe(threads, passMs) {
      passes += 1;
      if (threads === candidate) {
        candidateMs.add(passMs);
        lostMs += passMs - usualMs;
        if (lostMs >= mostLostPasses * usualMs) return { better: false, lostMs };
      } else {
        presentMs.add(passMs);
      }
      if (passes < 2 * turnPasses * turnsEach) return undefined;
      const mayTake = candidate > present ? moreMayTake : fewerMayTake;
      return { better: (candidateMs.value ?? Infinity) <= mayTake * (presentMs.value ?? 0), lostMs };
    },
  };
}
