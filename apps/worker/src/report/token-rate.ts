// Owns the tokens a second that a worker reports: since the last report to the same audience.
import type { Clock } from "@waggle/async";

/** Over less time than this the rate would jump between nothing and everything; the last value still holds. */
const shortestMs = 500;

/** @param count tokens so far; it falls when a model leaves for ever and takes its count along */
export function createTokenRate(options: {
  readonly count: () => number;
  readonly clock: Pick<Clock, "now">;
  readonly startedAt: number;
}): () => number {
  let last = { tokens: 0, at: options.startedAt };
  let rate = 0;
  return () => {
    const now = { tokens: options.count(), at: options.clock.now() };
    if (now.at - last.at < shortestMs) return rate;
    rate = Math.round((Math.max(0, now.tokens - last.tokens) * 10_000) / (now.at - last.at)) / 10;
    last = now;
    return rate;
  };
}
