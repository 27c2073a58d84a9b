// Parses event streams with the package eventsource-parser, and adds a size limit, byte streams as input, and a typed error.
import { createParser } from "eventsource-parser";
import { decodeStream, sourceOf, type ByteStream, type Decoder } from "./decode-stream.ts";
import type { SseFrame } from "./encode-sse.ts";

const defaultMaxFrameBytes = 1024 * 1024;

/** Maximum number of UTF-8 bytes for one UTF-16 unit. */
const maxBytesPerUnit = 3;

/**
 * Yields the frames of an event stream, in order. Skips comments, and a last frame that is incomplete.
 * @throws SseLimitError from the iterator when a frame's data is larger than `maxFrameBytes` (1 MiB by default)
 */
export function parseSse(body: ByteStream, options: SseOptions = {}): AsyncIterable<SseFrame> {
  return decodeStream<SseFrame>(
    () => sourceOf(body),
    (emit) => createSseDecoder(emit, options),
  );
}

/** The message never quotes the stream, since the stream may contain a user's prompt or answer. */
export class SseLimitError extends Error {
  override readonly name = "SseLimitError";
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(`Cannot read the event stream: a frame is larger than ${limitBytes} bytes`);
    this.limitBytes = limitBytes;
  }
}

export interface SseOptions {
  readonly maxFrameBytes?: number;
  /** Gets the milliseconds after which the server wants to be asked again. */
  readonly onRetry?: (ms: number) => void;
}

/**
 * A synchronous decoder: emits each frame during the `feed` call that completes the frame.
 * @throws SseLimitError from `feed`
 */
export function createSseDecoder(emit: (frame: SseFrame) => void, options: SseOptions = {}): Decoder {
  const { maxFrameBytes = defaultMaxFrameBytes } = options;
  const parser = createParser({
    // This option limits only the characters buffered between two chunks; `onEvent` checks frames that arrive in one chunk.
    maxBufferSize: maxFrameBytes,
    ...(options.onRetry && { onRetry: options.onRetry }),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") throw new SseLimitError(maxFrameBytes);
    },
    onEvent: ({ event, id, data }) => {
      if (exceeds(data, maxFrameBytes)) throw new SseLimitError(maxFrameBytes);
      emit({ ...(event === undefined ? {} : { event }), ...(id === undefined ? {} : { id }), data });
    },
  });
  return { feed: (text) => parser.feed(text), end: () => {} };
}

function exceeds(text: string, maxBytes: number): boolean {
  return text.length * maxBytesPerUnit > maxBytes && new TextEncoder().encode(text).byteLength > maxBytes;
}
