// Converts events to chunks of a response, with a ping after each silent interval.
import { deferred } from "@waggle/async";
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
  const { events, clock, pingIntervalMs } = options;
  let pending: Promise<IteratorResult<T>> | undefined;
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
      pending ??= events.next();
      const silence = deferred<"ping">();
      const timer = clock.setTimeout(() => silence.resolve("ping"), pingIntervalMs);
      const result = await Promise.race([pending, silence.promise]).finally(() => timer.cancel());
      if (result === "ping") return { done: false, value: options.ping(last) };
      pending = undefined;
      if (result.done === true) return await close();
      last = result.value;
      ended = options.isLast(last);
      return { done: false, value: options.chunk(last) };
    },
    return: close,
  };
}
