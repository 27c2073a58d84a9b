// Owns how code learns that a signal has aborted.
import { setMaxListeners } from "node:events";

/**
 * Calls `listener` once when the signal aborts, at once if it already has; the answer takes the listener off again. Any number may
 * listen: one shutdown signal serves every stream, and Node would report the eleventh listener as a leak.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => {};
  }
  setMaxListeners(0, signal);
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}
