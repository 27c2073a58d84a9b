// Owns what a full context forgets so that a job can go on. Pure; it moves nothing.

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
