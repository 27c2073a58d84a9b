// Owns how the work of the next pass is cut: how many slots decode, how many prompt tokens come with them, and how many
// threads compute it, all from one record of what passes took. It knows no slot, clock or backend.
import { createChoice, type Choice } from "./choice.ts";
import type { StepStats } from "./messages.ts";
import { createPassCosts, kindOf, tileTokens, type Pass, type PassShape } from "./pass-costs.ts";
import { pieceMs, promptLimits, type Load, type PromptLimits } from "./prefill-budget.ts";
import type { ScheduleLimits } from "./schedule.ts";
import { createScoringBudget } from "./scoring-budget.ts";
import { createThreadGovernor, type ThreadChange, type ThreadLimits } from "./threads.ts";
import { createTrials } from "./trials.ts";

/**
 * Slots that may decode in turns, one in a step. On some CPUs llama.cpp computes one row with a kernel for vectors, and
 * two or three with one for matrices that takes several times as long; with more rows it pays.
 */
const slotsInTurns = [2, 3];
/** What a pass costs besides computing. */
const passOverheadMs = 0.25;

export interface PacingOptions {
  /** Most tokens in a step. */
  readonly batchSize: number;
  readonly threads: ThreadLimits;
  /** Given by hand: prompt tokens in a step while somebody decodes; four times as many, and a tile at least, else. */
  readonly prefillBudget?: number | undefined;
}

/** A piece ends at whichever comes first. */
export interface PieceLimits {
  readonly tokens: number;
  readonly ms: number;
}

export interface Pacing {
  /** What the next step may carry. */
  plan(load: Load): ScheduleLimits;
  /** What the streams can bear of texts to embed before the next pass. */
  piece(decoding: number): PieceLimits;
  /** How many threads compute the next pass, once it is known what it carries. */
  threads(pass: PassShape): number;
  /** Whether a step like this one, in which all slots decode, may be followed by the same: nothing is on trial, and nobody takes turns. */
  goesOn(pass: PassShape, threads: number): boolean;
  /** Learns from a pass that was computed as planned, or as the one before it; returns what that changed for good, if anything. */
  observe(pass: Pass & Partial<Pick<StepStats, "scored">>): ThreadChange | undefined;
  /** Learns how many cores others have left to this engine of late; where nobody tells, more threads are tried at any time. */
  notice(freeCores: number): void;
  /** Computes with so many threads at most from now on: other engines have the rest of the cores. What such passes take says nothing of threads. */
  limitThreads(most: number): void;
  /** What computing each of so many prompt tokens takes, in ms; undefined before a prompt was measured. */
  tokenMs(tokens: number): number | undefined;
}

export function createPacing({ batchSize, threads, prefillBudget: fixed }: PacingOptions): Pacing {
  const trials = createTrials();
  const scoring = createScoringBudget();
  const costs = createPassCosts((kind) => governor.settledFor(kind));
  const governor = createThreadGovernor(threads, trials, costs.usualMs);
  /** In how many turns they decode, by the number of slots. */
  const turns = new Map(slotsInTurns.map((decoding) => [decoding, turnsOf(decoding)]));
  /** How the planned pass takes turns, if that was a choice. */
  let planned: { readonly choice: Choice; readonly count: number } | undefined;
  let mostThreads = Infinity;
  /** The pass that is about to begin, or runs, has fewer threads than it would have alone. */
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
    notice: (freeCores) => governor.notice(freeCores),
    limitThreads: (most) => void (mostThreads = Math.max(1, most)),
    threads(pass) {
      const wanted = governor.nextFor(kindOf(pass));
      limited = mostThreads < wanted;
      return Math.min(mostThreads, wanted);
    },
    goesOn(pass, threads) {
      const choice = turns.get(pass.decodeRows);
      const inTurns = choice !== undefined && (choice.settled > 1 || choice.trying);
      if (inTurns || threads > mostThreads) return false;
      return limited ? threads === mostThreads : governor.staysWith(kindOf(pass), threads);
    },
    plan(load) {
      const { decoding, prefilling } = load;
      // Nobody waits for a turn and for a prompt.
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
        // What it took says nothing of other prompts, nor of threads.
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

/** What it takes until each slot has had its token. */
function allTurnsMs(turns: number, stepMs: number): number {
  return turns * (stepMs + passOverheadMs);
}
