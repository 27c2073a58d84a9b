// Owns the waits of chaos: each names what it waits for and ends by itself.
import { sleep, withTimeout } from "@waggle/async";

/** For anything that a sound worker does within a second or two; generous because the machine may be busy. */
const waitLimitMs = 15_000;
/** Between two looks at what has no event of its own: /metrics, /v1/slots, /health, the process table. */
const pollIntervalMs = 20;

/** @throws TimeoutError that says what was waited for */
export function waitFor<T>(what: string, promise: Promise<T>, limitMs: number = waitLimitMs): Promise<T> {
  return withTimeout(promise, limitMs, `Waited ${limitMs / 1_000} s for ${what}`);
}

/** Looks every 20 ms until there is something. @throws TimeoutError that says what was waited for */
export async function poll<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  limitMs: number = waitLimitMs,
): Promise<T> {
  let over = false;
  const search = async (): Promise<T> => {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      await sleep(pollIntervalMs);
      if (over) throw new Error("Nobody waits any more");
    }
  };
  try {
    return await waitFor(what, search(), limitMs);
  } finally {
    over = true;
  }
}

/** Milliseconds since then, and since when it was asked for. */
export function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => performance.now() - startedAt;
}
