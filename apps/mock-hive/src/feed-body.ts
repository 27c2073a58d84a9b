// Encodes the feed's items as the body of an SSE or NDJSON response.
import { encodeNdjson, encodeSse, encodeSseComment } from "@waggle/protocol/sse";
import type { FeedItem } from "./feed.ts";

/** Makes a body that takes an item only when its reader asks for one, so that all items that wait count for the feed's limit. */
export function feedBody(items: ReadableStream<FeedItem>, ndjson: boolean): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const encode = ndjson ? toNdjson : toSse;
  const reader = items.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(encode(value)));
      },
      cancel: () => reader.cancel(),
    },
    { highWaterMark: 0 },
  );
}

function toSse(item: FeedItem): string {
  return item.type === "ping" ? encodeSseComment("ping") : encodeSse({ event: item.type, data: JSON.stringify(item) });
}

function toNdjson(item: FeedItem): string {
  return item.type === "ping" ? "\n" : encodeNdjson(item);
}
