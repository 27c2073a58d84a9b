// Computes the delays between attempts; the caller waits.

export interface Backoff {
  /** The delay before the next attempt, in whole milliseconds. After the end of the list, its last delay repeats. */
  next(): number;
  /** The attempt succeeded: start from the first delay again. */
  reset(): void;
  /** Calls of `next` since the start or the last reset. */
  readonly attempts: number;
}

export interface BackoffOptions {
  readonly delaysMs: readonly number[];
  /** Share of a delay, 0 to 1, by which the delay may become shorter or longer. Default 0. */
  readonly jitter?: number;
  /** Random numbers, uniform in [0, 1). Default: Math.random. */
  readonly random?: () => number;
}

/**
 * Creates a backoff. Random jitter keeps clients that failed at the same time from retrying at the same time.
 * @throws RangeError when the list of delays is empty, or the jitter is outside 0 to 1
 */
export function createBackoff(options: BackoffOptions): Backoff {
  const { delaysMs, jitter = 0, random = Math.random } = options;
  if (delaysMs.length === 0) throw new RangeError("Cannot create a backoff: there are no delays");
  if (!(jitter >= 0 && jitter <= 1)) throw new RangeError(`Cannot create a backoff: jitter ${jitter} is not in 0 to 1`);
  let attempts = 0;
  return {
    next() {
      const delayMs = delaysMs[Math.min(attempts, delaysMs.length - 1)] ?? 0;
      attempts += 1;
      return Math.round(delayMs * (1 + jitter * (2 * random() - 1)));
    },
    reset() {
      attempts = 0;
    },
    get attempts() {
      return attempts;
    },
  };
}
