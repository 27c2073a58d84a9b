// Implements a sleep that a signal can end, and a time limit for promises.
import { startTimer, TimeoutError } from "./clock.ts";
import { onAbort } from "./signals.ts";

/**
 * Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as the signal aborts. With `ref: false` the timer does not keep the
 * process alive.
 */
export function sleep(
  ms: number,
  options: { readonly signal?: AbortSignal | undefined; readonly ref?: boolean } = {},
): Promise<void> {
  const { signal, ref = true } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    let unlisten = (): void => {};
    const timer = startTimer(
      () => {
        unlisten();
        resolve();
      },
      ms,
      { ref },
    );
    if (signal === undefined) return;
    unlisten = onAbort(signal, () => {
      timer.cancel();
      reject(signal.reason);
    });
  });
}

/**
 * Settles like the promise, or rejects with a TimeoutError with this message after `ms` milliseconds. A timeout does not stop the work behind the
 * promise: give the work a signal for that. The timer keeps the process alive.
 */
export function withTimeout<T>(promise: Promise<T>, ms: number, message: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = startTimer(() => reject(new TimeoutError(message)), ms, { ref: true });
    promise.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
