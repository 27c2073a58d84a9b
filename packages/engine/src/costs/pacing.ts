// Sets the limits of the next pass from one record of measured passes: how many slots decode, how many prompt tokens join
// them, and how many threads compute the pass. The module knows no slot, clock or backend.
import { createChoice, type Choice } from "./choice.ts";
import type { StepStats } from "../port/messages.ts";
import { createPassCosts, kindOf, tileTokens, type Pass, type PassShape } from "./pass-costs.ts";
import { pieceMs, promptLimits, type Load, type PromptLimits } from "./prefill-budget.ts";
import type { ScheduleLimits } from "../loop/schedule.ts";
import { createScoringBudget } from "./scoring-budget.ts";
import { createThreadGovernor, type ThreadChange, type ThreadLimits } from "./threads.ts";
import { createTrials } from "./trials.ts";

/**
 * With these numbers of decoding slots, the slots may decode in turns, one slot in a step. On some CPUs llama.cpp computes
 * one row with a vector kernel, and two or three rows with a matrix kernel that takes several times as long. With more
 * rows the matrix kernel pays.
 */
const slotsInTurns = [2, 3];
/** Time that a pass takes in addition to computing. */
const passOverheadMs = 0.25;

export interface PacingOptions {
  /** Most tokens in a step. */
  readonly batchSize: number;
  readonly threads: ThreadLimits;
  /** A fixed number of prompt tokens in a step while a slot decodes; while no slot decodes, four times as many, and at least one tile. */
  readonly prefillBudget?: number | undefined;
}

/** A piece ends at the limit that it reaches first. */
export interface PieceLimits {
  readonly tokens: number;
  readonly ms: number;
}

export interface Pacing {
  /** What the next step may carry. */
  plan(load: Load): ScheduleLimits;
  /** How much of the texts to embed may be computed before the next pass, so that streams do not wait long. */
  piece(decoding: number): PieceLimits;
  /** How many threads compute the next pass, whose shape is now known. */
  threads(pass: PassShape): number;
  /** Whether a step like this one, in which all slots decode, may be followed by the same step: only without a trial and without turns. */
  mayRepeat(pass: PassShape, threads: number): boolean;
  /**
   * Records a pass that was computed as planned, or that repeated the pass before it.
   * @returns the change of threads that it caused, if any
   */
  observe(pass: Pass & Partial<Pick<StepStats, "scored">>): ThreadChange | undefined;
  /** Records how many cores are free. Before the first call, higher thread counts are tried at any time. */
  recordFreeCores(freeCores: number): void;
  /**
   * Limits the threads from the next pass on, because other engines use the rest of the cores. Limited passes are not used
   * to choose threads.
   */
  limitThreads(most: number): void;
  /** The time per prompt token when this many are computed, in ms; undefined before a prompt was measured. */
  tokenMs(tokens: number): number | undefined;
}

export function createPacing({ batchSize, threads, prefillBudget: fixed }: PacingOptions): Pacing {
  const trials = createTrials();
  const scoring = createScoringBudget();
  const costs = createPassCosts((kind) => governor.settledFor(kind));
  const governor = createThreadGovernor(threads, trials, costs.usualMs);
  /** The number of turns, by the number of decoding slots. */
  const turns = new Map(slotsInTurns.map((decoding) => [decoding, turnsOf(decoding)]));
  /** The choice of turns for the planned pass, if there was one. */
  let planned: { readonly choice: Choice; readonly count: number } | undefined;
  let mostThreads = Infinity;
  /** True when the next or running pass has fewer threads than it would have without the limit. */
  let limited = false;

  function turnsOf(decoding: number): Choice {
    const usualMs = (count: number): number => allTurnsMs(count, costs.stepMs(decoding / count) ?? Number.NaN);
    return createChoice({ start: 1, counts: [1, decoding], trials, usualMs });
  }

  function limitsOf(load: Load): PromptLimits {
    if (fixed === undefined) return promptLimits(load, costs);
    return { tokens: load.decoding > 0 ? fixed : Math.max(tileTokens, 4 * fixed), partTokens: Infinity };
  }

  return {
    tokenMs: (tokens) => costs.tokenMs(tokens),
    piece: (decoding) =>
      fixed === undefined
        ? { tokens: batchSize, ms: pieceMs(decoding, costs) }
        : { tokens: Math.min(batchSize, limitsOf({ decoding, prefilling: 0 }).tokens), ms: Infinity },
    recordFreeCores: (freeCores) => governor.recordFreeCores(freeCores),
    limitThreads: (most) => void (mostThreads = Math.max(1, most)),
    threads(pass) {
      const wanted = governor.nextFor(kindOf(pass));
      limited = mostThreads < wanted;
      return Math.min(mostThreads, wanted);
    },
    mayRepeat(pass, threads) {
      const choice = turns.get(pass.decodeRows);
      const inTurns = choice !== undefined && (choice.settled > 1 || choice.trying);
      if (inTurns || threads > mostThreads) return false;
      return limited ? threads === mostThreads : governor.staysWith(kindOf(pass), threads);
    },
    plan(load) {
      const { decoding, prefilling } = load;
      // A slot never waits both for its turn and for a prompt.
      const choice = prefilling > 0 ? undefined : turns.get(decoding);
      planned = choice && { choice, count: choice.next() };
      const decodeRows = decoding / (planned?.count ?? 1);
      if (prefilling === 0) return { batchSize, decodeRows, prefillBudget: 0, partTokens: Infinity, scoredTokens: 0 };
      const { tokens, partTokens } = limitsOf(load);
      return {
        batchSize,
        decodeRows,
        prefillBudget: Math.min(batchSize, tokens),
        partTokens,
        scoredTokens: scoring.tokens(costs.stepMs(decoding), decoding),
      };
    },
    observe(pass) {
      const { scored = 0, passMs } = pass;
      if (scored > 0) {
        // The time of this pass is not comparable with that of other prompts or other thread counts.
        scoring.add({ scored, passMs }, costs.stepMs(pass.decodeRows));
        planned = undefined;
        return undefined;
      }
      const expectedMs = costs.add(pass);
      trials.observe(pass.passMs);
      const change = limited ? undefined : governor.observe(pass, expectedMs);
      planned?.choice.observe(allTurnsMs(planned.count, pass.passMs));
      return change;
    },
  };
}

/** The time until each slot has received its token. */
function allTurnsMs(turns: number, stepMs: number): number {
  return turns * (stepMs + passOverheadMs);
}
