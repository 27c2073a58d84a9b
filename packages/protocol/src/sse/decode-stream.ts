// Owns the reading of streams: turns bytes into an iterable of decoded values. Handles UTF-8, order, errors, and consumers that stop early.

export type ByteStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** Passes each decoded value to the `emit` given to `CreateDecoder`. An error thrown by either method ends the stream. */
export interface Decoder {
  feed(text: string): void;
  /** Called after the last byte, to emit remaining values. */
  end(): void;
}

export type CreateDecoder<T> = (emit: (value: T) => void) => Decoder;

/** The source of the bytes. `read` is called when the consumer requests a value; `cancel` may be called during a pending read. */
export interface Source {
  read(): Promise<IteratorResult<Uint8Array, unknown>>;
  cancel(): Promise<unknown>;
}

/**
 * Reads only when the consumer requests a value. Cancels the source when the consumer leaves the loop, and after an error. The iterator is an object
 * instead of an async generator: the `return()` of a generator waits for the pending read, so a consumer could not leave a silent stream.
 * @param open called for each iteration, before its first read
 */
export function decodeStream<T>(open: () => Source, createDecoder: CreateDecoder<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => createIterator(open(), createDecoder) };
}

export function sourceOf(body: ByteStream): Source {
  // A web stream is async iterable too, but only its reader can be cancelled while a read is pending.
  if ("getReader" in body) {
    const reader = body.getReader();
    return {
      read: async () => {
        const result = await reader.read();
        return result.done ? { done: true, value: undefined } : result;
      },
      cancel: () => reader.cancel(),
    };
  }
  const iterator = body[Symbol.asyncIterator]();
  return { read: () => iterator.next(), cancel: async () => iterator.return?.() };
}

function createIterator<T>(source: Source, createDecoder: CreateDecoder<T>): AsyncIterator<T, undefined> {
  // At most the values of one chunk: the next chunk is read when all these values are delivered.
  let ready: T[] = [];
  let position = 0;
  let ended = false;
  let left = false;
  let failure: { readonly error: unknown } | undefined;
  let abandon = (): void => {};
  const decoder = createDecoder((value) => ready.push(value));
  const utf8 = new TextDecoder();

  /** Cancels the source when the consumer needs no more values or the stream is unusable. Errors of the source are ignored. */
  function leaveSource(): void {
    ended = true;
    left = true;
    void source.cancel().catch(() => {});
  }

  async function readChunk(): Promise<void> {
    ready = [];
    position = 0;
    try {
      const { done, value } = await source.read();
      if (left) return;
      const text = done ? utf8.decode() : utf8.decode(value, { stream: true });
      if (text !== "") decoder.feed(text);
      if (!done) return;
      ended = true;
      decoder.end();
    } catch (error) {
      if (left) return;
      failure = { error };
      leaveSource();
    }
  }

  async function pull(): Promise<IteratorResult<T, undefined>> {
    while (position === ready.length) {
      if (failure !== undefined) {
        const { error } = failure;
        failure = undefined;
        throw error;
      }
      if (ended) return { done: true, value: undefined };
      await readChunk();
    }
    const value = ready[position] as T;
    position += 1;
    return { done: false, value };
  }

  return {
    next: () =>
      new Promise((resolve, reject) => {
        abandon = () => resolve({ done: true, value: undefined });
        pull().then(resolve, reject);
      }),
    return: async () => {
      ready = [];
      position = 0;
      abandon();
      if (!ended) leaveSource();
      return { done: true, value: undefined };
    },
  };
}
