// Owns how chunks of text become the body of a response: pulled one at a time, at the client's pace.
import type { ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { connectionOf } from "../server/connection.ts";
import type { Connection } from "../server/connection.ts";
import type { AppContext } from "../server/context.ts";

/**
 * `return()` is called once the body is over, and when the client leaves. A source that throws breaks the connection: a clean end would make
 * a whole of a part. What the socket does not take is not pulled: it stays in the replay log, where it is bounded.
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
  void writeChunks(outgoing, chunks, connectionOf(c));
  return RESPONSE_ALREADY_SENT;
}

async function writeChunks(
  outgoing: ServerResponse,
  chunks: AsyncIterator<string>,
  connection: Connection,
): Promise<void> {
  const leave = (): void => void chunks.return?.();
  connection.onLeft(leave);
  try {
    while (!connection.left) {
      const { done, value } = await chunks.next();
      if (done === true) break;
      const full = writeChunk(outgoing, value);
      if (full !== undefined) await drained(full, outgoing);
    }
    outgoing.end();
  } catch {
    connection.breakOff();
  } finally {
    leave();
  }
}

/**
 * A chunk of HTTP/1.1 (RFC 9112, section 7.1) as one string. Node hands it to the socket in four pieces, a tick later, which costs the daemon's main
 * thread a tenth of all that a token does (bench/javascript.ts). Returns what must drain before the next one, if it is full.
 */
function writeChunk(outgoing: ServerResponse, text: string): Writable | undefined {
  const { socket } = outgoing;
  // Behind another response on its connection, or its client has left, or speaks HTTP/1.0: Node knows what to do. No chunk of no bytes: it would be the last.
  if (socket?.writable !== true || !outgoing.chunkedEncoding || text === "") {
    return outgoing.write(text) ? undefined : outgoing;
  }
  return socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`) ? undefined : socket;
}

function drained(full: Writable, outgoing: ServerResponse): Promise<void> {
  if (outgoing.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      full.off("drain", settle);
      outgoing.off("close", settle);
      resolve();
    };
    full.once("drain", settle);
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
