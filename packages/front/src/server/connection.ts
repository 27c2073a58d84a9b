// Owns the connection of a request: whether the client has left, and the ways to close the connection early.
import type { HttpBindings } from "@hono/node-server";
import type { AppContext } from "./context.ts";

/** Time limit for sending the last frame before the connection is destroyed. */
const flushTimeoutMs = 1_000;

export interface Connection {
  readonly left: boolean;
  /** Calls back once, when the client leaves; at once if the client has left. @returns a function that removes the callback */
  onLeft(callback: () => void): () => void;
  /** Closes the connection without ending the response, once the written data is sent, at the latest after `flushTimeoutMs`. */
  breakOff(): void;
  /** Closes the connection once the response is sent, without reading the rest of the request. */
  endAfterResponse(): void;
  destroy(): void;
}

export function connectionOf(c: AppContext): Connection {
  const outgoing = c.env?.outgoing;
  return outgoing === undefined ? withoutSocket(c.req.raw.signal) : ofResponse(outgoing);
}

/** Aborts when the client leaves. */
export function leavingOf(c: AppContext): AbortSignal {
  const leaving = new AbortController();
  connectionOf(c).onLeft(() => leaving.abort());
  return leaving.signal;
}

/** Uses the response, not the request's signal: the signal is created at its first use, and misses an earlier end of the connection. */
function ofResponse(outgoing: NonNullable<HttpBindings["outgoing"]>): Connection {
  return {
    get left() {
      return outgoing.destroyed;
    },
    onLeft(callback) {
      if (outgoing.destroyed) {
        callback();
        return () => {};
      }
      outgoing.once("close", callback);
      return () => void outgoing.off("close", callback);
    },
    breakOff() {
      outgoing.socket?.destroySoon();
      setTimeout(() => outgoing.destroy(), flushTimeoutMs).unref();
    },
    endAfterResponse() {
      // At `finish`, `outgoing.socket` is null.
      const { socket } = outgoing;
      outgoing.once("finish", () => socket?.destroySoon());
    },
    destroy: () => void outgoing.destroy(),
  };
}

/** The connection of a request without a socket: tests make such requests. */
function withoutSocket(signal: AbortSignal): Connection {
  return {
    get left() {
      return signal.aborted;
    },
    onLeft(callback) {
      if (signal.aborted) callback();
      else signal.addEventListener("abort", callback, { once: true });
      return () => signal.removeEventListener("abort", callback);
    },
    breakOff() {},
    endAfterResponse() {},
    destroy() {},
  };
}
