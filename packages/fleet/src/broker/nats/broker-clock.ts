// Estimates NATS's time. NATS sends its time with few answers: a consumer that it has just created has the time of its creation.
import type { Clock } from "@waggle/async";

/** An estimate is replaced by a less exact one when it is this old. */
const keptForMs = 600_000;

export interface BrokerClock {
  /** Adds the time that NATS gave to a request. @param sentAt when the request was sent, on our clock */
  add(createdMs: number, sentAt: number): void;
  now(): number | undefined;
}

export function createBrokerClock(clock: Clock): BrokerClock {
  /** `offsetMs`: from our clock to NATS's time. The error is half of the round trip at most. */
  let best: { readonly offsetMs: number; readonly roundTripMs: number; readonly at: number } | undefined;
  return {
    add(createdMs, sentAt) {
      const now = clock.now();
      const roundTripMs = now - sentAt;
      if (best !== undefined && best.roundTripMs < roundTripMs && now - best.at < keptForMs) return;
      best = { offsetMs: createdMs - (sentAt + now) / 2, roundTripMs, at: now };
    },
    now: () => best && best.offsetMs + clock.now(),
  };
}
