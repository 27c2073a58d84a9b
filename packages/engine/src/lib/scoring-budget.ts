// Owns how many prompt tokens of a step may be scored, given what scoring them has taken: each costs work beside the pass. It knows no clock.
import type { StepStats } from "./messages.ts";
import { idleStepMs, stretchSteps } from "./prefill-budget.ts";
import { createRecentMedian } from "./recent-median.ts";

/** Until a pass with some was measured. */
const firstTokens = 8;
const rememberedPasses = 9;

export interface ScoringBudget {
  /**
   * Most of them in the next step: it takes as much longer as with any prompt. At least one, so that the prompt gets on.
   * @param stepMs what a step takes in which so many slots decode; undefined before the first one
   */
  tokens(stepMs: number | undefined, decoding: number): number;
  add(pass: Pick<StepStats, "passMs" | "scored">, stepMs: number | undefined): void;
}

export function createScoringBudget(): ScoringBudget {
  const tokenMs = createRecentMedian(rememberedPasses);
  return {
    tokens(stepMs, decoding) {
      const eachMs = tokenMs.value;
      const allowedMs = decoding === 0 ? idleStepMs : stepMs === undefined ? undefined : stretchSteps * stepMs;
      if (eachMs === undefined || allowedMs === undefined) return firstTokens;
      return Math.max(1, Math.floor(allowedMs / Math.max(eachMs, 0.001)));
    },
    add: ({ passMs, scored }, stepMs) => tokenMs.add(Math.max(0, passMs - (stepMs ?? 0)) / scored),
  };
}
