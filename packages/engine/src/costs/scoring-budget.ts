// Decides how many prompt tokens of a step may be scored (their next-token logprobs computed), from the measured cost of
// scoring in addition to the pass. The module knows no clock.
import type { StepStats } from "../port/messages.ts";
import { idleStepMs, stretchSteps } from "./prefill-budget.ts";
import { createRecentMedian } from "./recent-median.ts";

/** Scored tokens in a step before a pass with scored tokens is measured. */
const firstTokens = 8;
const rememberedPasses = 9;

export interface ScoringBudget {
  /**
   * Returns the most scored tokens in the next step: scoring may lengthen the step as much as a prompt may. The result is at
   * least 1, so that the prompt progresses.
   * @param stepMs time of a step in which this many slots decode; undefined before the first step
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
