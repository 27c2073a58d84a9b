// Listens to abort signals, joins them and adds timeouts, without leaking listeners on long-lived signals.
import { setMaxListeners } from "node:events";
import { startTimer, TimeoutError } from "./clock.ts";

/**
 * Calls `listener` once when the signal aborts, or immediately if it has aborted. The returned function removes the listener. The number of listeners
 * is unlimited: one shutdown signal serves every stream, and Node would report the eleventh listener as a leak.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => {};
  }
  setMaxListeners(0, signal);
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** A signal that can be detached from its sources. */
export type LinkedSignal = AbortSignal & Disposable;

/**
 * Aborts as soon as one of the signals aborts, with the same reason. Undefined signals are ignored.
 *
 * Dispose of the signal when the work is over and a source lives longer than the work (a daemon's shutdown signal): until then the source keeps a
 * reference to it. `AbortSignal.any` cannot be disposed of, and on Node 20 each call costs a long-lived source about 1 kB for good.
 */
export function linkSignals(...signals: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController();
  const unlinks: (() => void)[] = [];
  const unlink = (): void => {
    for (const remove of unlinks.splice(0)) remove();
  };
  for (const source of signals) {
    if (source === undefined) continue;
    const abort = (): void => {
      unlink();
      controller.abort(source.reason);
    };
    unlinks.push(onAbort(source, abort));
    if (source.aborted) break;
  }
  return Object.assign(controller.signal, { [Symbol.dispose]: unlink });
}

/** A signal that aborts with a TimeoutError in `ms` milliseconds, unless it is disposed of before. Does not keep the process alive. */
export function deadlineSignal(ms: number): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const timer = startTimer(() => controller.abort(new TimeoutError(`The deadline of ${ms} ms has passed`)), ms, {
    ref: false,
  });
  return { signal: controller.signal, [Symbol.dispose]: () => timer.cancel() };
}

/** Aborts when there is no progress for some time. */
export interface StallTimer extends Disposable {
  /** Aborts with a TimeoutError when `restart` was not called for the whole time. */
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
