// Owns the reading of an event stream, on eventsource-parser; ours are the size limit, the byte stream and the typed error.
import { createParser } from "eventsource-parser";
import { decodeStream, type ByteStream, type Decoder } from "./decode-stream.ts";
import type { SseFrame } from "./encode-sse.ts";
import { SseLimitError } from "./errors.ts";

const defaultMaxFrameBytes = 1024 * 1024;

/** Whatever the characters, UTF-8 takes at most this many bytes for one UTF-16 unit. */
const maxBytesPerUnit = 3;

/**
 * The frames of an event stream, in order. Comments are skipped, and so is a frame that the end of the stream cuts off.
 * @throws SseLimitError from the iterator when a frame's data is larger than `maxFrameBytes` (1 MiB by default)
 */
export function parseSse(body: ByteStream, options: SseLimits = {}): AsyncIterable<SseFrame> {
  return decodeStream<SseFrame>(body, (emit) => createSseDecoder(emit, options));
}

export interface SseLimits {
  readonly maxFrameBytes?: number;
}

/**
 * For who is handed text and does not ask for it: each frame is emitted while the text that completes it is fed, without a promise.
 * @throws SseLimitError from `feed`
 */
export function createSseDecoder(emit: (frame: SseFrame) => void, options: SseLimits = {}): Decoder {
  const { maxFrameBytes = defaultMaxFrameBytes } = options;
  const parser = createParser({
    // Bounds what is buffered between two chunks, in characters; a frame that came whole is measured in `onEvent`.
    maxBufferSize: maxFrameBytes,
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
  return text.length * maxBytesPerUnit > maxBytes && Buffer.byteLength(text) > maxBytes;
}
