// Owns an ended turn, which keeps its events for readers. It drops the request, because the request holds the body and its pictures.
import type { Clock } from "@waggle/async";
import { createTurnReader } from "./turn-log.ts";
import type { Turn } from "./turn.ts";

export function endedTurn(
  { request: { id, client, sessionId, digest }, log, ...turn }: Turn,
  { clock, pingIntervalMs }: { readonly clock: Clock; readonly pingIntervalMs: number },
): Turn {
  const over = Promise.resolve();
  let { cancelledBy } = turn;
  return {
    request: { id, client, sessionId, digest },
    log,
    begun: over,
    ended: over,
    calling: false,
    get cancelledBy() {
      return cancelledBy;
    },
    /** The turn does not continue when its request is sent again. */
    cancel(by) {
      if (by === "client") cancelledBy = by;
    },
    onSessionJob: () => {},
    openReader: (after) => createTurnReader(log, after, { clock, pingIntervalMs, onClose: () => {} }),
  };
}
