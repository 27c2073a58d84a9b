// Owns timers with a checked delay, the clock interface, and the error of all timeouts. Tests replace the clock to avoid waiting.

/** A wait exceeded its time limit. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** The longest delay of Node's timers. Node silently changes a longer delay to 1 ms; `startTimer` rejects it. */
const maxTimerMs = 2 ** 31 - 1;

export interface TimerHandle {
  /** Idempotent; does nothing once the timer has fired. */
  cancel(): void;
}

/**
 * Calls `fn` after `ms` milliseconds. With `ref`, the timer keeps the process alive until then.
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

export interface Clock {
  /** Milliseconds since an arbitrary moment; never decreases, and is not the time of day. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds, unless the timer is cancelled before. */
  setTimeout(fn: () => void, ms: number): TimerHandle;
}

/** The real clock. Its timers are unref'd, so that they do not keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (fn, ms) => startTimer(fn, ms, { ref: false }),
};
