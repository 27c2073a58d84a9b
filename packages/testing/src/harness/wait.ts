// Owns waits with a time limit, whose errors name the awaited thing.
import { onAbort, sleep, TimeoutError, withTimeout } from "@waggle/async";
import { errorText } from "./error-text.ts";

/** Thirty times the two seconds that a healthy daemon needs at most for an awaited action: a busy machine may take that long. */
const waitLimitMs = 60_000;
/** Time between two readings of sources without events: /metrics, /v1/slots, /health, the process table. */
const pollIntervalMs = 20;

/** @throws TimeoutError that names `what` */
export function waitFor<T>(what: string, promise: Promise<T>, limitMs: number = waitLimitMs): Promise<T> {
  return withTimeout(promise, limitMs, `Waited ${limitMs / 1_000} s for ${what}`);
}

/** Settles like the promise, but rejects with the signal's reason as soon as the signal aborts. */
export function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let unlisten = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    unlisten = onAbort(signal, () => reject(signal.reason));
  });
  // When both have settled already, the race takes the first of the list: the aborted signal.
  return Promise.race([aborted, promise]).finally(unlisten);
}

type Found<T> = T | undefined | false;

/** Calls `look` every 20 ms until it finds a value. An error of `look` counts as no value. @throws TimeoutError with the last error of `look` */
export async function poll<T>(
  what: string,
  look: () => Promise<Found<T>> | Found<T>,
  limitMs: number = waitLimitMs,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  let failure = "";
  do {
    try {
      const left = Math.max(1, deadline - performance.now());
      const found = await waitFor(what, Promise.resolve(look()), left);
      if (found !== undefined && found !== false) return found;
      failure = "";
    } catch (error) {
      // An earlier error explains more than the timeout of the last call.
      if (!(error instanceof TimeoutError)) failure = `: ${errorText(error)}`;
    }
    await sleep(pollIntervalMs);
  } while (performance.now() < deadline);
  throw new TimeoutError(`Waited ${limitMs / 1_000} s for ${what}${failure}`);
}

/** Starts a stopwatch. The result returns the milliseconds since the start. */
export function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => performance.now() - startedAt;
}

/** Starts all items in order, `lanes` at a time. Resolves with the results in the order of completion. @throws the first failure */
export async function inLanes<T, R>(lanes: number, items: Iterable<T>, run: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  const waiting = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    // The lanes share the iterator: each takes the next one when it is free.
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) answers.push(await run(next.value));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return answers;
}

/** Runs `count` calls at the same time, with indexes from 0. */
export function times<R>(count: number, run: (index: number) => Promise<R>): Promise<R[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => run(index)));
}
