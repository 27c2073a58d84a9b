// Owns the one call to setTimeout. Node turns a delay that is too long into 1 ms without a word; here that is an error.

const maxTimerMs = 2 ** 31 - 1;

export interface TimerHandle {
  /** Idempotent; does nothing once the timer has fired. */
  cancel(): void;
}

/**
 * Calls `fn` in `ms` milliseconds. With `ref`, the process stays alive until then.
 * @throws RangeError when `ms` is negative, not a number, or above 2^31 - 1 (24.8 days)
 */
export function startTimer(fn: () => void, ms: number, options: { readonly ref: boolean }): TimerHandle {
  if (!(ms >= 0 && ms <= maxTimerMs)) {
    throw new RangeError(`Cannot start a timer of ${ms} ms: the range is 0 to ${maxTimerMs}`);
  }
  const timer = setTimeout(fn, ms);
  if (!options.ref) timer.unref();
  return { cancel: () => clearTimeout(timer) };
}
