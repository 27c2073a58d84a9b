// Owns whether few slots decode together or in turns, from the times of real steps. It knows no slot and no clock.
import type { StepStats } from "./messages.ts";
import { createRecentMedian, type RecentMedian } from "./recent-median.ts";

/**
 * Most slots that may take turns. On some CPUs llama.cpp computes one row with a kernel for vectors, and two or three
 * with one for matrices that takes up to three times as long; with more rows it pays.
 */
const mostInTurns = 3;
/** Turns have to save a tenth, and more than what another pass costs besides computing. */
const leastSaving = { share: 0.1, ms: 1 } as const;
/** Steps of one way before the other one is tried; doubles with each trial that changes nothing. */
const firstTrialAfter = 64;
const mostTrialAfter = 4_096;
/** Rounds of a trial: in each, every slot gets one token. */
const trialRounds = 3;

export interface DecodeTurns {
  /** How many of so many decoding slots take part in the next step. */
  rows(decoding: number): number;
  /** Learns from a step in which so many slots were decoding, whether or not all of them took part. */
  observe(pass: Pick<StepStats, "decodeRows" | "tokens" | "passMs">, decoding: number): void;
}

export function createDecodeTurns(): DecodeTurns {
  const ways = new Map<number, Way>();

  function wayOf(decoding: number): Way {
    const known = ways.get(decoding) ?? createWay(decoding);
    ways.set(decoding, known);
    return known;
  }

  return {
    rows: (decoding) => (decoding < 2 || decoding > mostInTurns || !wayOf(decoding).inTurns ? decoding : 1),
    observe({ decodeRows, tokens, passMs }, decoding) {
      const decodesOnly = tokens === decodeRows;
      if (decodesOnly && decoding >= 2 && decoding <= mostInTurns) wayOf(decoding).observe(decodeRows, passMs);
    },
  };
}

/** How so many slots decode. */
interface Way {
  readonly inTurns: boolean;
  observe(rows: number, passMs: number): void;
}

function createWay(decoding: number): Way {
  const oneMs = createRecentMedian(trialRounds * decoding);
  const togetherMs = createRecentMedian(trialRounds);
  let settled = false;
  let inTurns = settled;
  let steps = 0;
  let trialAfter = firstTrialAfter;

  function saves(one: RecentMedian, together: RecentMedian): boolean {
    if (one.value === undefined || together.value === undefined) return false;
    const saved = together.value - decoding * one.value;
    return saved > leastSaving.ms && saved > leastSaving.share * together.value;
  }

  return {
    get inTurns() {
      return inTurns;
    },
    observe(rows, passMs) {
      (rows === 1 ? oneMs : togetherMs).add(passMs);
      // A step that was planned before the way changed, or for another number of slots.
      if ((rows === 1) !== inTurns) return;
      steps += 1;
      const onTrial = inTurns !== settled;
      if (!onTrial && steps >= trialAfter) {
        inTurns = !settled;
        steps = 0;
      } else if (onTrial && steps >= trialRounds * (inTurns ? decoding : 1)) {
        const better = saves(oneMs, togetherMs);
        trialAfter = better === settled ? Math.min(mostTrialAfter, trialAfter * 2) : firstTrialAfter;
        settled = inTurns = better;
        steps = 0;
      }
    },
  };
}
