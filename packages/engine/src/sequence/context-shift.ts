// Decides which tokens a full context discards so that its job can continue. Pure; the backend does the shift.
import { contextCapacity } from "../port/info.ts";
import type { Token } from "../port/steps.ts";

/** A shift keeps at most this part of the context as the head, so that a system message stays. */
const headShare = 1 / 4;

export interface ContextShift {
  /** Length of the head that stays; at least 1, since models put much of their attention on the first token. */
  readonly keep: number;
  /** Number of tokens to discard after the head; the tokens after them move up. */
  readonly discard: number;
}

/**
 * Plans the shift of a context that holds `cachedLength` tokens and begins with the prompt: the head of the prompt stays, and
 * the older half of the rest is discarded.
 * @param cachedLength at least 2
 */
export function planShift(cachedLength: number, promptLength: number, contextSize: number): ContextShift {
  const keep = Math.max(1, Math.min(promptLength, Math.floor(contextSize * headShare)));
  return { keep, discard: Math.ceil((cachedLength - keep) / 2) };
}

/** Computes the context of a job with this output, with the shifts that its slot went through. */
export function replayShifts(prompt: readonly Token[], output: readonly Token[], contextSize: number): Token[] {
  const tokens = [...prompt];
  for (const token of output) {
    if (tokens.length >= contextCapacity(contextSize)) {
      const { keep, discard } = planShift(tokens.length, prompt.length, contextSize);
      tokens.splice(keep, discard);
    }
    tokens.push(token);
  }
  return tokens;
}
