// Owns reading an event stream of the daemon from a response: returns JSON objects in order, until the stream ends or goes silent.
import { parseSse } from "@waggle/protocol/sse";

/** The daemon sends a ping every 15 s; after three missing pings, the connection counts as lost. */
const silenceLimitMs = 45_000;
/** Enough for a hive's snapshot of a thousand workers. */
const maxFrameBytes = 4 * 1024 * 1024;

/** Aborts `connection` after a silence, which makes the iteration throw. */
export async function* readFrames(response: Response, connection: AbortController): AsyncGenerator<unknown, void> {
  const silence = (): void => connection.abort(new Error("The stream went silent"));
  let timer = setTimeout(silence, silenceLimitMs);
  const watched = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      clearTimeout(timer);
      timer = setTimeout(silence, silenceLimitMs);
      controller.enqueue(chunk);
    },
  });
  try {
    if (response.body === null) return;
    for await (const { data } of parseSse(response.body.pipeThrough(watched), { maxFrameBytes })) {
      if (data !== "[DONE]") yield JSON.parse(data) as unknown;
    }
  } finally {
    clearTimeout(timer);
  }
}
