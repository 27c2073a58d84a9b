// Decides how many prompt tokens a step may carry, and how many of these tokens it may score, which means to compute next-token logprobs. The
// decision uses the times of passes, so that a new prompt progresses without slowing the running streams too much. The module knows no clock.
import type { StepStats } from "../port/messages.ts";
import { leastPartTokens, rememberedPasses, tileTokens, type PassCosts } from "./pass-costs.ts";
import { createRecentMedian } from "./recent-median.ts";

/**
 * A prompt may lengthen a step by this many usual steps. Even if the prompt takes 1.5 times as long as estimated, the
 * step stays below four usual steps.
 */
const stretchSteps = 1.6;
/** Longest time of a step while no slot decodes: a cancel or a new job waits up to this long. */
const idleStepMs = 400;
/** llama.cpp computes the first token of a chunk together with the decoding rows, and the other tokens separately. */
const firstOfChunk = 1;
/**
 * A whole tile may take this many times as long as the least part of a tile, where even that part takes longer than allowed.
 * With whole tiles the prompt ends sooner.
 */
const mostForTile = 2;
const leastIdleTokens = 2 * tileTokens;
/** Prompt tokens in a step before a step and a prompt are measured. */
const firstTokens = 2 * tileTokens + firstOfChunk;
/** Scored tokens in a step before a pass with scored tokens is measured. */
const firstScoredTokens = 8;

/** A piece of texts to embed or to rank may always take this long, because clients do not notice such a pause. */
const leastPieceMs = 10;
/** Longest time of a piece while no slot decodes: a new job waits up to this long. */
const idlePieceMs = 100;

export interface Load {
  /** Number of slots that decode. */
  readonly decoding: number;
  /** Number of slots with a prompt to compute. */
  readonly prefilling: number;
}

export interface PromptLimits {
  /** Maximum number of prompt tokens in the next step, if the batch has room for them. */
  readonly tokens: number;
  /** Maximum number of prompt tokens in a chunk smaller than a tile: behind a long context such a chunk can take longer than a tile. */
  readonly partTokens: number;
}

export type PromptCosts = Pick<PassCosts, "stepMs" | "tokenMs">;

/**
 * Limits the prompt tokens so that a step takes less than four usual steps: to whole tiles where they fit, else to a part of a
 * tile. When at least as many jobs prefill as decode, the step may take as long as if no slot decoded: the delay of the few
 * decoding jobs counts less than the wait of the prefilling jobs, and tokens are cheaper once all jobs decode together.
 */
export function promptLimits({ decoding, prefilling }: Load, costs: PromptCosts): PromptLimits {
  const idle = prefilling >= decoding ? whileIdle(costs) : 0;
  const limits = whileDecoding(decoding, costs);
  return idle < limits.tokens ? limits : { tokens: idle, partTokens: Infinity };
}

/** Longest time of a piece of texts between two steps of the streams. Milliseconds. */
export function pieceMs(decoding: number, { stepMs }: Pick<PromptCosts, "stepMs">): number {
  return decoding === 0 ? idlePieceMs : Math.max(leastPieceMs, stretchSteps * (stepMs(decoding) ?? 0));
}

function whileDecoding(decoding: number, costs: PromptCosts): PromptLimits {
  const upTo = (tokens: number): PromptLimits => ({ tokens, partTokens: Infinity });
  if (decoding === 0) return upTo(0);
  const [stepMs, tiledMs] = [costs.stepMs(decoding), costs.tokenMs(tileTokens, decoding)];
  if (stepMs === undefined || tiledMs === undefined) return upTo(firstTokens);
  const allowedMs = stretchSteps * stepMs;
  const tiles = wholeTiles(allowedMs / tiledMs - firstOfChunk);
  if (tiles > 0) return upTo(tiles + firstOfChunk);
  const partOf = (tokens: number): number => {
    const part = Math.floor(allowedMs / (costs.tokenMs(tokens, decoding) ?? tiledMs));
    return Math.min(tileTokens - 1, Math.max(leastPartTokens, part));
  };
  // Compute the part twice: the cost of a token depends on the number of threads, which depends on the number of tokens.
  const part = partOf(partOf(tileTokens / 2));
  const partMs = part * (costs.tokenMs(part, decoding) ?? tiledMs);
  // Behind a long context even two tokens may take longer than allowed, or longer than a whole tile.
  const bearableMs = partMs > allowedMs ? mostForTile * partMs : partMs;
  return tileTokens * tiledMs < bearableMs ? { tokens: tileTokens + firstOfChunk, partTokens: part } : upTo(part);
}

function whileIdle({ tokenMs }: PromptCosts): number {
  const ms = tokenMs(tileTokens);
  return ms === undefined ? Infinity : Math.max(leastIdleTokens, wholeTiles(idleStepMs / ms));
}

function wholeTiles(tokens: number): number {
  return Math.floor(tokens / tileTokens) * tileTokens;
}

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
      if (eachMs === undefined || allowedMs === undefined) return firstScoredTokens;
      return Math.max(1, Math.floor(allowedMs / Math.max(eachMs, 0.001)));
    },
    add: ({ passMs, scored }, stepMs) => tokenMs.add(Math.max(0, passMs - (stepMs ?? 0)) / scored),
  };
}
