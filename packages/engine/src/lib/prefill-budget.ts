// Owns how many prompt tokens a step may carry, given what passes cost: running streams wait for a newcomer, and it for
// them. Pure.
import { leastPartTokens, tileTokens, type PassCosts } from "./pass-costs.ts";

/** Usual steps by which a prompt may stretch a step; less than four in all, once a pass is half as long again. */
export const stretchSteps = 1.6;
/** What a step may take while nobody decodes: so long waits a cancel, and a job that comes meanwhile. */
export const idleStepMs = 400;
/** llama.cpp computes a chunk's first token together with the decoding rows, and the others by themselves. */
const besideDecoding = 1;
/** Where a few tokens take longer than allowed, a tile may take so many times as long as they: it is a prompt sooner done. */
const mostForTile = 2;
const leastIdleTokens = 2 * tileTokens;
/** Until a prompt and a few steps have been measured. */
const firstTokens = 2 * tileTokens + besideDecoding;

/** What a piece of texts to embed may always take: so short a pause nobody sees, and the steps of a small model are shorter yet. */
const leastPieceMs = 10;
/** What it may take while nobody decodes: as long waits whoever comes. */
const idlePieceMs = 100;

export interface Load {
  /** Slots that decode. */
  readonly decoding: number;
  /** Slots with a prompt to compute. */
  readonly prefilling: number;
}

export interface PromptLimits {
  /** Most prompt tokens in the next step, where the batch holds as many. */
  readonly tokens: number;
  /** Most of them that may be fewer than a tile: behind a long context these can take longer than one. */
  readonly partTokens: number;
}

export type PromptCosts = Pick<PassCosts, "stepMs" | "tokenMs">;

/**
 * A step with prompt tokens takes less than four usual ones: whole tiles where they fit, else a part of one. When as many
 * jobs wait for their first token as decode it takes as long as if nobody did: the delay of the few counts less than that
 * of the many, and the sooner all decode together, the cheaper their tokens.
 */
export function promptLimits({ decoding, prefilling }: Load, costs: PromptCosts): PromptLimits {
  const idle = prefilling >= decoding ? whileIdle(costs) : 0;
  const limits = whileDecoding(decoding, costs);
  return idle < limits.tokens ? limits : { tokens: idle, partTokens: Infinity };
}

/** What streams bear of a batch job between two of their steps, in ms: nobody waits for its first token, so it is not weighed as a prompt is. */
export function pieceMs(decoding: number, { stepMs }: Pick<PromptCosts, "stepMs">): number {
  return decoding === 0 ? idlePieceMs : Math.max(leastPieceMs, stretchSteps * (stepMs(decoding) ?? 0));
}

function whileDecoding(decoding: number, costs: PromptCosts): PromptLimits {
  const upTo = (tokens: number): PromptLimits => ({ tokens, partTokens: Infinity });
  if (decoding === 0) return upTo(0);
  const [stepMs, tiledMs] = [costs.stepMs(decoding), costs.tokenMs(tileTokens, decoding)];
  if (stepMs === undefined || tiledMs === undefined) return upTo(firstTokens);
  const allowedMs = stretchSteps * stepMs;
  const tiles = wholeTiles(allowedMs / tiledMs - besideDecoding);
  if (tiles > 0) return upTo(tiles + besideDecoding);
  const partOf = (tokens: number): number => {
    const part = Math.floor(allowedMs / (costs.tokenMs(tokens, decoding) ?? tiledMs));
    return Math.min(tileTokens - 1, Math.max(leastPartTokens, part));
  };
  // Twice, as the price of a token depends on the threads, and those on the tokens.
  const part = partOf(partOf(tileTokens / 2));
  const partMs = part * (costs.tokenMs(part, decoding) ?? tiledMs);
  // Behind a long context even two tokens may take longer than allowed, or than a tile.
  const bearableMs = partMs > allowedMs ? mostForTile * partMs : partMs;
  return tileTokens * tiledMs < bearableMs ? { tokens: tileTokens + besideDecoding, partTokens: part } : upTo(part);
}

function whileIdle({ tokenMs }: PromptCosts): number {
  const ms = tokenMs(tileTokens);
  return ms === undefined ? Infinity : Math.max(leastIdleTokens, wholeTiles(idleStepMs / ms));
}

function wholeTiles(tokens: number): number {
  return Math.floor(tokens / tileTokens) * tileTokens;
}
