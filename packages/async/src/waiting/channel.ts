// Implements a bounded channel from one producer, which never waits, to one consumer, which waits for values.
import { deferred, type Deferred } from "./deferred.ts";

/**
 * The iterator yields the values in the order of `send`. All iterators of a channel share its buffer, and one `next()` may be pending at a time.
 */
export interface Channel<T> extends AsyncIterable<T> {
  /** Sends a value. False when the buffer is full or the channel is closed; the value is then dropped. */
  send(value: T): boolean;
  /** Ends the channel: the consumer gets the buffered values, then the end. */
  close(): void;
  /** Ends the channel: the consumer gets the buffered values, then this error once, then the end. */
  fail(error: unknown): void;
  [Symbol.asyncIterator](): AsyncIterator<T, undefined>;
}

type Outcome = { readonly kind: "closed" } | { readonly kind: "failed"; readonly error: unknown };

/**
 * Creates a channel that buffers at most `capacity` values.
 *
 * The iterator is not an async generator, since a generator's `return()` waits for the pending `next()`. After the consumer has left, the channel
 * would then stay open until the next value.
 * @throws RangeError when the capacity is not a positive integer
 */
export function createChannel<T>(options: { readonly capacity: number }): Channel<T> {
  const { capacity } = options;
  if (!Number.isSafeInteger(capacity) || capacity < 1) {
    throw new RangeError(`Cannot create a channel: its capacity must be a positive integer, not ${capacity}`);
  }
  const buffer = createRing<T>(capacity);
  let outcome: Outcome | undefined;
  let waiting: Deferred<IteratorResult<T, undefined>> | undefined;

  function end(how: Outcome): void {
    if (outcome !== undefined) return;
    outcome = how;
    const consumer = takeWaiting();
    if (consumer === undefined) return;
    outcome = { kind: "closed" };
    if (how.kind === "failed") consumer.reject(how.error);
    else consumer.resolve({ done: true, value: undefined });
  }

  function takeWaiting(): typeof waiting {
    const consumer = waiting;
    waiting = undefined;
    return consumer;
  }

  async function next(): Promise<IteratorResult<T, undefined>> {
    if (waiting !== undefined) throw new Error("Cannot read from the channel: another read is pending");
    if (buffer.size > 0) return { done: false, value: buffer.shift() };
    if (outcome?.kind === "failed") {
      const { error } = outcome;
      outcome = { kind: "closed" };
      throw error;
    }
    if (outcome !== undefined) return { done: true, value: undefined };
    waiting = deferred();
    return waiting.promise;
  }

  async function leave(): Promise<IteratorResult<T, undefined>> {
    buffer.clear();
    end({ kind: "closed" });
    outcome = { kind: "closed" };
    return { done: true, value: undefined };
  }

  return {
    send(value) {
      if (outcome !== undefined) return false;
      const consumer = takeWaiting();
      if (consumer === undefined) return buffer.push(value);
      consumer.resolve({ done: false, value });
      return true;
    },
    close: () => end({ kind: "closed" }),
    fail: (error) => end({ kind: "failed", error }),
    [Symbol.asyncIterator]: () => ({ next, return: leave }),
  };
}

interface Ring<T> {
  readonly size: number;
  push(value: T): boolean;
  /** The caller must check that size > 0. */
  shift(): T;
  clear(): void;
}

/** A ring buffer. An empty buffer starts again at index 0, so the array grows only while the consumer is behind. */
function createRing<T>(capacity: number): Ring<T> {
  const cells: (T | undefined)[] = [];
  let head = 0;
  let size = 0;

  function clear(): void {
    cells.length = 0;
    head = 0;
    size = 0;
  }

  return {
    get size() {
      return size;
    },
    push(value) {
      if (size === capacity) return false;
      cells[(head + size) % capacity] = value;
      size += 1;
      return true;
    },
    shift() {
      const value = cells[head] as T;
      cells[head] = undefined;
      head = (head + 1) % capacity;
      size -= 1;
      if (size === 0) clear();
      return value;
    },
    clear,
  };
}
