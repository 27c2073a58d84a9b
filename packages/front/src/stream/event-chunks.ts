// Converts events to chunks of a response, with a ping after each silent interval.
import type { Clock } from "@waggle/async";

export interface EventChunksOptions<T> {
  /** `return()` must end a pending `next()`. */
  readonly events: AsyncIterator<T>;
  readonly clock: Clock;
  readonly pingIntervalMs: number;
  chunk(event: T): string;
  /** Text to send after a silent interval. @param last the last event, if any */
  ping(last: T | undefined): string;
  isLast(event: T): boolean;
  /** Called once: at the end, or when the client leaves. */
  readonly onClose?: (() => void) | undefined;
}

/** An explicit iterator, since `return()` of a generator waits for its pending `next()`. */
export function eventChunks<T extends object>(options: EventChunksOptions<T>): AsyncIterator<string> {
  const events = pinged(options.events, options.clock, options.pingIntervalMs);
  let last: T | undefined;
  let ended = false;
  let closed = false;

  async function close(): Promise<IteratorResult<string>> {
    if (!closed) {
      closed = true;
      options.onClose?.();
      await events.return?.();
    }
    return { done: true, value: undefined };
  }

  return {
    async next() {
      if (ended || closed) return await close();
      const { done, value } = await events.next();
      if (done === true) return await close();
      if (value === "ping") return { done: false, value: options.ping(last) };
      last = value;
      ended = options.isLast(value);
      return { done: false, value: options.chunk(value) };
    },
    return: close,
  };
}

/** Adds "ping" after each silent interval of the source. `return()` ends a pending `next()` only if the source's `return()` ends its `next()`. */
function pinged<T>(source: AsyncIterator<T>, clock: Clock, intervalMs: number): AsyncIterator<T | "ping"> {
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
