// Encodes the feed's items as the body of an SSE or NDJSON response.
import { encodeNdjson, encodeSse, encodeSseComment } from "@waggle/protocol/sse";
import type { FeedItem } from "./feed.ts";

/**
 * Makes a body that reads one item at a time. The iterator is an explicit object and not an async generator, because a generator would end
 * only at the next item after the reader has disconnected.
 */
export function feedBody(items: AsyncIterator<FeedItem, undefined>, ndjson: boolean): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const encode = ndjson ? toNdjson : toSse;
  const chunks: AsyncIterableIterator<Uint8Array, undefined> = {
    async next() {
      const { done, value } = await items.next();
      return done === true ? { done, value: undefined } : { done: false, value: encoder.encode(encode(value)) };
    },
    async return() {
      await items.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => chunks,
  };
  return ReadableStream.from(chunks);
}

function toSse(item: FeedItem): string {
  return item.type === "ping" ? encodeSseComment("ping") : encodeSse({ event: item.type, data: JSON.stringify(item) });
}

function toNdjson(item: FeedItem): string {
  return item.type === "ping" ? "\n" : encodeNdjson(item);
}
