// Owns what a full context forgets so that a job can go on. Pure; it moves nothing.

import type { Token } from "./backend.ts";

/** The head that a shift keeps is this part of the context at most: a system message stands there, if anywhere. */
const headShare = 1 / 4;

export interface ContextShift {
  /** First tokens that stay where they are; at least 1, since a first token draws attention that a model cannot do without. */
  readonly keep: number;
  /** Tokens after those that are forgotten; what follows moves up. */
  readonly discard: number;
}

/** Most tokens that a slot holds: the last one of a full context is sampled and never fed. */
export function contextCapacity(contextSize: number): number {
  return contextSize - 1;
}

/**
 * The shift of a context that holds `cachedLength` tokens, the prompt's first ones among them: the prompt's head stays, the older half
 * of what follows goes.
 * @param cachedLength at least 2
 */
export function planShift(cachedLength: number, promptLength: number, contextSize: number): ContextShift {
  const keep = Math.max(1, Math.min(promptLength, Math.floor(contextSize * headShare)));
  return { keep, discard: Math.ceil((cachedLength - keep) / 2) };
}

/** What a slot holds once a job has said so much in it, and fed all of that. */
export interface ReplayedContext {
  readonly tokens: readonly Token[];
  /** What shifts have forgotten of the prompt and of what was said. */
  readonly discarded: number;
}

/** The shifts of a job that has said these tokens, without the slot that it was in. */
export function replayShifts(prompt: readonly Token[], said: readonly Token[], contextSize: number): ReplayedContext {
  const tokens = [...prompt];
  let discarded = 0;
  for (const token of said) {
    if (tokens.length >= contextCapacity(contextSize)) {
      const { keep, discard } = planShift(tokens.length, prompt.length, contextSize);
      tokens.splice(keep, discard);
      discarded += discard;
    }
    tokens.push(token);
  }
  return { tokens, discarded };
}
