// Owns what is known of the connection that a request came on: whether its client is still there, and how it ends early.
import type { HttpBindings } from "@hono/node-server";
import type { AppContext } from "./context.ts";

/** How long a connection that is broken off may take to flush its last frame. */
const flushTimeoutMs = 1_000;

export interface Connection {
  readonly left: boolean;
  /** Calls back once, when the client leaves; at once if it has left already. The function that comes back stops that. */
  onLeft(callback: () => void): () => void;
  /** Ends it without ending the response, after what was written so far has gone out, or a moment later. */
  breakOff(): void;
  /** Ends it once the response is out, whatever the client still sends. */
  endAfterResponse(): void;
  /** Ends it at once. */
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

/** By the response, not by the request's signal: that one exists from its first use only, and forgets what was before. */
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
      // The response has let go of it by then.
      const { socket } = outgoing;
      outgoing.once("finish", () => socket?.destroySoon());
    },
    destroy: () => void outgoing.destroy(),
  };
}

/** As tests make requests. */
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
