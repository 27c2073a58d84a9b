// Owns the way from a stream of bytes to an iterable of decoded values: UTF-8, order, errors, and leaving early. It knows no format.

export type ByteStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** Turns text into values, which it hands to the `emit` it was made with. Both methods may throw: that ends the stream. */
export interface Decoder {
  feed(text: string): void;
  /** The bytes have ended; what is incomplete now stays so. */
  end(): void;
}

/**
 * Reads only when a value is asked for. The iterator is an explicit object and not an async generator: the `return()` of a generator
 * waits for the pending read, so a consumer could not leave a silent stream. Leaving, like an error, cancels the source.
 */
export function decodeStream<T>(
  body: ByteStream,
  createDecoder: (emit: (value: T) => void) => Decoder,
): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => createIterator(openSource(body), createDecoder) };
}

interface Source {
  read(): Promise<IteratorResult<Uint8Array, unknown>>;
  cancel(): Promise<unknown>;
}

function openSource(body: ByteStream): Source {
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

function createIterator<T>(
  source: Source,
  createDecoder: (emit: (value: T) => void) => Decoder,
): AsyncIterator<T, undefined> {
  // Filled from one chunk and drained before the next is read, so a chunk is its bound.
  let ready: T[] = [];
  let position = 0;
  let ended = false;
  let left = false;
  let failure: { readonly error: unknown } | undefined;
  let abandon = (): void => {};
  const decoder = createDecoder((value) => ready.push(value));
  const utf8 = new TextDecoder();

  /** The consumer has gone or the stream is unusable; how the source takes that is of no interest to anybody. */
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
