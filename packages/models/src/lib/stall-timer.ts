// Owns the notice that something has stopped moving.
import { TimeoutError } from "@waggle/async";

export interface StallTimer extends Disposable {
  /** Aborts with a TimeoutError when nothing has called `restart` for the whole time. */
  readonly signal: AbortSignal;
  readonly restart: () => void;
}

export function createStallTimer(timeoutMs: number): StallTimer {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new TimeoutError(`nothing arrived for ${timeoutMs / 1_000} s`));
  }, timeoutMs);
  return {
    signal: controller.signal,
    restart: () => void timer.refresh(),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
