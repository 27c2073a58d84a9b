// Sets the limits of the next pass from the measured times of earlier passes: how many slots decode, how many prompt tokens
// are computed with them, and with how many threads. The module knows no slot, clock or backend.
import { createChoice, createTrials, type Choice } from "./choice.ts";
import type { StepStats } from "../port/messages.ts";
import { createPassCosts, kindOf, tileTokens, type Pass, type PassShape } from "./pass-costs.ts";
import { createScoringBudget, pieceMs, promptLimits, type Load, type PromptLimits } from "./prefill-budget.ts";
import type { ScheduleLimits } from "../loop/schedule.ts";
import { createThreadGovernor, type ThreadChange, type ThreadGovernor, type ThreadLimits } from "./threads.ts";

/**
 * Two or three decoding slots may decode in turns, one slot in a step. On some CPUs llama.cpp computes one row with a vector
 * kernel, and two or three rows with a matrix kernel that takes several times as long. With more rows the matrix kernel is
 * faster than turns.
 */
const slotsInTurns = [2, 3];
/** Time of a pass in addition to its computing. */
const passOverheadMs = 0.25;

export interface PacingOptions {
  /** Maximum number of tokens in a step. */
  readonly batchSize: number;
  readonly threads: ThreadLimits;
  /** A fixed number of prompt tokens in a step while a slot decodes; while no slot decodes, four times as many, at least one tile. */
  readonly prefillBudget?: number | undefined;
}

/** Limits of a piece of text to embed or to rank. The piece ends at the first limit that it reaches. */
export interface PieceLimits {
  readonly tokens: number;
  readonly ms: number;
}

export interface Pacing {
  plan(load: Load): ScheduleLimits;
  /** Limits the piece of text that is computed before the next pass, so that streams do not wait long. */
  piece(decoding: number): PieceLimits;
  /** Chooses the number of threads for the next pass. */
  threads(pass: PassShape): number;
  /** Whether a pass in which all slots decode may be repeated without planning: without turns and trials, the next plan would be the same. */
  mayRepeat(pass: PassShape, threads: number): boolean;
  /**
   * Records a pass that was computed as planned, or that repeated the pass before it.
   * @returns the change of threads that it caused, if any
   */
  observe(pass: Pass & Partial<Pick<StepStats, "scored">>): ThreadChange | undefined;
  readonly recordFreeCores: ThreadGovernor["recordFreeCores"];
  /**
   * Limits the threads from the next pass on, because other engines use the rest of the cores. The times of passes under a
   * limit that lowers their threads are not used to choose threads.
   */
  limitThreads(most: number): void;
  /** Milliseconds per prompt token when this many are computed; undefined before a prompt was measured. */
  tokenMs(tokens: number): number | undefined;
}

export function createPacing({ batchSize, threads, prefillBudget: fixed }: PacingOptions): Pacing {
  const trials = createTrials();
  const scoring = createScoringBudget();
  const costs = createPassCosts((kind) => governor.settledFor(kind));
  const governor = createThreadGovernor(threads, trials, costs.usualMs);
  /** The choice of the number of turns, by the number of decoding slots. */
  const turns = new Map(slotsInTurns.map((decoding) => [decoding, turnsOf(decoding)]));
  /** The choice that the planned pass follows, and its number of turns; undefined if the pass has no choice of turns. */
  let planned: { readonly choice: Choice; readonly count: number } | undefined;
  let mostThreads = Infinity;
  /** True when `limitThreads` lowers the threads of the next or running pass. */
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
    recordFreeCores: governor.recordFreeCores,
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
      // A step with a prompt has no turns: otherwise a slot would wait both for its turn and for the prompt.
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
        // A pass with scored tokens takes longer, so its time says nothing about other passes.
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

/** Returns the time until each slot has its token. */
function allTurnsMs(turns: number, stepMs: number): number {
  return turns * (stepMs + passOverheadMs);
}
