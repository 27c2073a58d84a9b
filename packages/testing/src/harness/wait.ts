// Owns waiting: each wait names what it waits for and ends by itself.
import { onAbort, sleep, TimeoutError, withTimeout } from "@waggle/async";
import { messageOf } from "./message-of.ts";

/** For what a healthy daemon does within two seconds. A busy machine may take thirty times as long; a wait that succeeds does not use the rest. */
const waitLimitMs = 60_000;
/** Between two readings of what sends no event: /metrics, /v1/slots, /health, the process table. */
const pollIntervalMs = 20;

/** @throws TimeoutError that says what was waited for */
export function waitFor<T>(what: string, promise: Promise<T>, limitMs: number = waitLimitMs): Promise<T> {
  return withTimeout(promise, limitMs, `Waited ${limitMs / 1_000} s for ${what}`);
}

/** The promise's outcome, or the signal's reason as soon as it aborts. */
export function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let unlisten = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    unlisten = onAbort(signal, () => reject(signal.reason));
  });
  // The first of the two that has settled counts: a signal that has aborted before anything else.
  return Promise.race([aborted, promise]).finally(unlisten);
}

type Found<T> = T | undefined | false;

/** Looks every 20 ms until there is something; a look that throws found nothing. @throws TimeoutError, with the last look's error */
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
      // A look that the deadline cuts off tells less than the one before.
      if (!(error instanceof TimeoutError)) failure = `: ${messageOf(error)}`;
    }
    await sleep(pollIntervalMs);
  } while (performance.now() < deadline);
  throw new TimeoutError(`Waited ${limitMs / 1_000} s for ${what}${failure}`);
}

/** Milliseconds since then, and since when it was asked for. */
export function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => performance.now() - startedAt;
}

/** Runs them all, so many at a time and in order; resolves with what they answered. @throws the first failure */
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

/** So many at once, each with its number from 0. */
export function times<R>(count: number, run: (index: number) => Promise<R>): Promise<R[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => run(index)));
}
