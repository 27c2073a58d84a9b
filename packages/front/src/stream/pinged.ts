// Adds pings to a source of events: "ping" whenever the source is silent for an interval.
import type { Clock } from "@waggle/async";

/** `return()` ends a pending `next()` only if the source's `return()` does. */
export function pinged<T>(source: AsyncIterator<T>, clock: Clock, intervalMs: number): AsyncIterator<T | "ping"> {
  let pending: Promise<IteratorResult<T>> | undefined;
  return {
    async next() {
      pending ??= source.next();
      const { promise: ping, cancel } = after(clock, intervalMs);
      const result = await Promise.race([pending, ping]);
      cancel();
      if (result === "ping") return { done: false, value: "ping" };
      pending = undefined;
      return result;
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}

function after(clock: Clock, ms: number): { promise: Promise<"ping">; cancel: () => void } {
  let cancel = (): void => {};
  const promise = new Promise<"ping">((resolve) => {
    const timer = clock.setTimeout(() => resolve("ping"), ms);
    cancel = () => timer.cancel();
  });
  return { promise, cancel };
}
