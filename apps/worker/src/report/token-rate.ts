// Computes the tokens per second since the last report to the same receiver.
import type { Clock } from "@waggle/async";

/** Least time over which a rate is computed. After less time the rate would jump, so the last value is reported again. */
const shortestMs = 500;

/** @param count tokens so far; the number decreases when a model is removed with its count */
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
