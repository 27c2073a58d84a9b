// Owns a clock that moves only when a test advances it.
import type { Clock } from "@waggle/async";

/** Limit for a callback that arms its timer again without delay: `advance` would never return. */
const maxCallbacks = 100_000;

export interface FakeClock extends Clock {
  /**
   * Advances the time and calls due timers in the order of due time, then of creation. During a callback, `now()` is the timer's due time.
   * Timers that a callback sets are called too if they fall due in time. An error in a callback ends `advance`.
   * @throws RangeError when `ms` is negative or not a number
   */
  advance(ms: number): void;
  /** Timers that are set and have neither fired nor been cancelled. */
  readonly pending: number;
}

interface Timer {
  readonly dueMs: number;
  readonly fn: () => void;
}

/** A clock at 0 without timers. It does not run promises: a test that needs their reactions awaits them after `advance`. */
export function createFakeClock(): FakeClock {
  // In order of creation, so that the first of several with the same due time is the oldest.
  const timers = new Set<Timer>();
  let nowMs = 0;

  function nextDue(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }

  return {
    now: () => nowMs,
    setTimeout(fn, ms) {
      if (!(ms >= 0)) throw new RangeError(`Cannot start a timer of ${ms} ms`);
      const timer = { dueMs: nowMs + ms, fn };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      if (!(ms >= 0)) throw new RangeError(`Cannot advance the clock by ${ms} ms`);
      const untilMs = nowMs + ms;
      let callbacks = 0;
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        if (callbacks === maxCallbacks)
          throw new Error(`Cannot advance the clock: more than ${maxCallbacks} callbacks`);
        callbacks += 1;
        timers.delete(timer);
        nowMs = timer.dueMs;
        timer.fn();
      }
      nowMs = untilMs;
    },
    get pending() {
      return timers.size;
    },
  };
}
