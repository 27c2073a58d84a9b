// Decides how many prompt tokens a step may carry, from the cost of passes: a balance between running streams and a new prompt. Pure.
import { leastPartTokens, tileTokens, type PassCosts } from "./pass-costs.ts";

/**
 * A prompt may lengthen a step by this many usual steps. The whole stays below four usual steps, since such a pass may
 * take half as long again.
 */
export const stretchSteps = 1.6;
/** Most time of a step while no slot decodes: a cancel or a new job waits up to this long. */
export const idleStepMs = 400;
/** llama.cpp computes the first token of a chunk together with the decoding rows, and the other tokens separately. */
const firstOfChunk = 1;
/**
 * Where a few tokens take longer than allowed, a tile may take up to this many times as long as they do, so that the
 * prompt ends sooner.
 */
const mostForTile = 2;
const leastIdleTokens = 2 * tileTokens;
/** Prompt tokens in a step before a prompt and a few steps are measured. */
const firstTokens = 2 * tileTokens + firstOfChunk;

/** Time that a piece of texts to embed may always take: the pause is not visible, and the steps of a small model are even shorter. */
const leastPieceMs = 10;
/** Time that a piece may take while no slot decodes: a new job waits up to this long. */
const idlePieceMs = 100;

export interface Load {
  /** Slots that decode. */
  readonly decoding: number;
  /** Slots with a prompt to compute. */
  readonly prefilling: number;
}

export interface PromptLimits {
  /** Most prompt tokens in the next step, if the batch has room for them. */
  readonly tokens: number;
  /** Most prompt tokens in a chunk smaller than a tile: behind a long context such a chunk can take longer than a tile. */
  readonly partTokens: number;
}

export type PromptCosts = Pick<PassCosts, "stepMs" | "tokenMs">;

/**
 * A step with prompt tokens takes less than four usual steps. It carries whole tiles where they fit, else a part of one.
 * When at least as many jobs wait for their first token as decode, the step may take as long as if no slot decoded: the
 * delay of the few decoding jobs counts less than the wait of the many, and tokens are cheaper once all jobs decode
 * together.
 */
export function promptLimits({ decoding, prefilling }: Load, costs: PromptCosts): PromptLimits {
  const idle = prefilling >= decoding ? whileIdle(costs) : 0;
  const limits = whileDecoding(decoding, costs);
  return idle < limits.tokens ? limits : { tokens: idle, partTokens: Infinity };
}

/**
 * Time of a piece of texts between two steps of the streams, in ms. A piece has no first token that a client waits for, so
 * it weighs less than a prompt.
 */
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
  // Computed twice, because the cost of a token depends on the threads, and the threads depend on the tokens.
  const part = partOf(partOf(tileTokens / 2));
  const partMs = part * (costs.tokenMs(part, decoding) ?? tiledMs);
  // Behind a long context even two tokens may take longer than allowed, or than a tile.
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
