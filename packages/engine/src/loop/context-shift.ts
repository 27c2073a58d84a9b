// Decides which tokens a full context discards so that its job can continue. Pure; the backend moves the cells.

import type { Token } from "../port/backend.ts";

/** A shift keeps a head of at most this part of the context: it contains the system message, if the prompt has one. */
const headShare = 1 / 4;

export interface ContextShift {
  /** Number of first tokens that stay; at least 1, since models put much of their attention on the first token. */
  readonly keep: number;
  /** Number of tokens to discard behind the kept ones; the rest moves up. */
  readonly discard: number;
}

/** Most tokens that a slot holds: the last token of a full context is sampled and never fed. */
export function contextCapacity(contextSize: number): number {
  return contextSize - 1;
}

/**
 * Plans the shift of a context that holds `cachedLength` tokens, beginning with the prompt's: the head of the prompt
 * stays, and the older half of the rest is discarded.
 * @param cachedLength at least 2
 */
export function planShift(cachedLength: number, promptLength: number, contextSize: number): ContextShift {
  const keep = Math.max(1, Math.min(promptLength, Math.floor(contextSize * headShare)));
  return { keep, discard: Math.ceil((cachedLength - keep) / 2) };
}

/** The context of a slot after a job has produced and fed this output. */
export interface ReplayedContext {
  readonly tokens: readonly Token[];
  /** Tokens of the prompt and the output that shifts have discarded. */
  readonly discarded: number;
}

/** Computes the shifts of a job with this output, without its slot. */
export function replayShifts(prompt: readonly Token[], output: readonly Token[], contextSize: number): ReplayedContext {
  const tokens = [...prompt];
  let discarded = 0;
  for (const token of output) {
    if (tokens.length >= contextCapacity(contextSize)) {
      const { keep, discard } = planShift(tokens.length, prompt.length, contextSize);
      tokens.splice(keep, discard);
      discarded += discard;
    }
    tokens.push(token);
  }
  return { tokens, discarded };
}
