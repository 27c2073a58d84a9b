// Implements waits with a time limit.
import { startTimer, TimeoutError } from "./clock.ts";
import { onAbort } from "./signals.ts";

/**
 * Resolves in `ms` milliseconds, or rejects with the signal's reason as soon as it aborts. With `ref: false` the timer does not keep the process
 * alive.
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
 * The promise's outcome, or a TimeoutError with this message if it takes longer than `ms` milliseconds. The work behind the promise
 * continues: to stop it as well, pass it a signal. Keeps the process alive until the promise settles or the time is over.
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
