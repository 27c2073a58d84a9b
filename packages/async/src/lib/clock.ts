// Owns the Clock port: code that takes a Clock can be tested without waiting.
import { startTimer, type TimerHandle } from "./timer.ts";

export type { TimerHandle } from "./timer.ts";

export interface Clock {
  /** Milliseconds since a fixed moment; never goes back, and is no time of day. */
  now(): number;
  /** Calls `fn` once, `ms` milliseconds from now, unless it is cancelled before. */
  setTimeout(fn: () => void, ms: number): TimerHandle;
}

/** The real one. Its timers are unref'd: none keeps a process alive that has nothing else to do. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (fn, ms) => startTimer(fn, ms, { ref: false }),
};
