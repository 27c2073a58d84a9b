// Owns the waits that end by themselves.
import { onAbort } from "./abort-listener.ts";
import { TimeoutError } from "./timeout-error.ts";
import { startTimer } from "./timer.ts";

/**
 * Resolves in `ms` milliseconds, or rejects with the signal's reason as soon as it aborts. With `ref: false` it does not keep the
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
 * The promise's own outcome, or a TimeoutError with this message if it takes longer than `ms` milliseconds. The work behind the promise
 * goes on: who needs it to stop, hands it a signal as well. Keeps the process alive until one of the two has happened.
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
