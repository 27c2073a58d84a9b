// Owns how a job's events leave on a connection: SSE or NDJSON, ending cleanly after `end` and by breaking the connection after `error`.
import type { ServerResponse } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { DONE, isTerminal, ndjsonHeaders, sseHeaders } from "@waggle/protocol";
import type { StreamEvent } from "@waggle/protocol";
import { encodeNdjson, encodeSse, encodeSseComment } from "@waggle/sse";
import type { AppContext } from "./context.ts";

export type StreamFormat = "sse" | "ndjson";

/** How long a broken connection may take to flush its last frame before it is destroyed without. */
const breakOffTimeoutMs = 1_000;

export function formatOf(c: AppContext): StreamFormat {
  return (c.req.header("accept") ?? "").includes("application/x-ndjson") ? "ndjson" : "sse";
}

export function headersOf(format: StreamFormat): Readonly<Record<string, string>> {
  return format === "sse" ? sseHeaders : ndjsonHeaders;
}

/** A connection that can be ended so that no client takes what it got for complete. */
export interface Connection {
  /** After what was written so far has left, or a moment later. */
  breakOff(): void;
  /** At once. */
  destroy(): void;
}

export function connectionOf(env: Partial<HttpBindings> | undefined): Connection | undefined {
  const outgoing = env?.outgoing;
  if (outgoing === undefined) return undefined;
  return {
    breakOff() {
      outgoing.socket?.destroySoon();
      setTimeout(() => outgoing.destroy(), breakOffTimeoutMs).unref();
    },
    destroy: () => void outgoing.destroy(),
  };
}

/**
 * Chunks of text, pulled one at a time; `return()` is called when the client leaves. What the socket does not take is not pulled: it stays
 * in the replay log, where it is bounded.
 */
export function streamResponse(
  c: AppContext,
  chunks: AsyncIterator<string>,
  headers: Readonly<Record<string, string>>,
): Response {
  const { outgoing } = c.env ?? {};
  if (outgoing === undefined) return c.body(pulledStream(chunks), 200, { ...headers });
  // Straight to the socket: a web stream in between costs half as much again for each token (bench/sse.ts).
  outgoing.writeHead(200, Object.fromEntries(c.body(null, 200, { ...headers }).headers));
  outgoing.flushHeaders();
  void writeChunks(outgoing, chunks);
  return RESPONSE_ALREADY_SENT;
}

async function writeChunks(outgoing: ServerResponse, chunks: AsyncIterator<string>): Promise<void> {
  const leave = (): void => void chunks.return?.();
  outgoing.once("close", leave);
  try {
    // A client may have left before its answer began, and then "close" has been.
    while (!outgoing.destroyed) {
      const { done, value } = await chunks.next();
      if (done === true) break;
      if (!outgoing.write(value)) await drained(outgoing);
    }
    outgoing.end();
  } catch {
    // Never a clean end: that would make a whole of a part.
    outgoing.destroy();
  } finally {
    leave();
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  if (outgoing.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      outgoing.off("drain", settle);
      outgoing.off("close", settle);
      resolve();
    };
    outgoing.once("drain", settle);
    outgoing.once("close", settle);
  });
}

/** For requests without a socket, as tests make them. */
function pulledStream(chunks: AsyncIterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await chunks.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

export interface EventChunksOptions {
  readonly events: AsyncIterator<readonly StreamEvent[]>;
  readonly format: StreamFormat;
  /** The id of the `end` event: one past the last token's. */
  readonly endId: () => number;
  readonly connection: Connection | undefined;
}

export function eventChunks({ events, format, endId, connection }: EventChunksOptions): AsyncIterator<string> {
  let broken = false;
  return {
    async next() {
      if (broken) return await breakOff(events, connection);
      const { done, value: batch } = await events.next();
      if (done === true) return { done: true, value: undefined };
      if (batch.length === 0) return { done: false, value: format === "sse" ? encodeSseComment("ping") : "\n" };
      const last = batch.at(-1);
      broken = last?.type === "error";
      let chunk = "";
      for (const event of batch) chunk += format === "sse" ? sseFrame(event, endId) : encodeNdjson(event);
      if (format === "sse" && last !== undefined && isTerminal(last) && !broken) chunk += encodeSse({ data: DONE });
      return { done: false, value: chunk };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
  };
}

/** For the pull after an error frame. Without a socket, as in tests, the stream errors instead. */
export async function breakOff(events: AsyncIterator<unknown>, connection: Connection | undefined): Promise<never> {
  await events.return?.();
  if (connection === undefined) throw new Error("The stream ended with an error event.");
  connection.breakOff();
  // Ending the body here would end it cleanly; the closing of the connection ends this wait along with the stream.
  return await new Promise<never>(() => {});
}

function sseFrame(event: StreamEvent, endId: () => number): string {
  const data = JSON.stringify(event);
  if (event.type === "token") return encodeSse({ id: String(event.index), event: event.type, data });
  if (event.type === "end") return encodeSse({ id: String(endId()), event: event.type, data });
  return encodeSse({ event: event.type, data });
}
