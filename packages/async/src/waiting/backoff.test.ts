import { describe, expect, it } from "vitest";
import { createBackoff } from "./backoff.ts";

const delaysMs = [0, 2_000, 4_000];

describe("createBackoff", () => {
  it("returns the delays in order, repeats the last, and starts again after a reset", () => {
    const backoff = createBackoff({ delaysMs });
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([0, 2_000, 4_000, 4_000]);
    expect(backoff.attempts).toBe(4);
    backoff.reset();
    expect(backoff.attempts).toBe(0);
    expect(backoff.next()).toBe(0);
  });

  it.each([
    [0, 1_500],
    [0.5, 2_000],
    [0.999_999, 2_500],
  ])("with random number %d, a jitter of 0.25 changes 2000 ms to %d", (random, expected) => {
    const backoff = createBackoff({ delaysMs: [2_000], jitter: 0.25, random: () => random });
    expect(backoff.next()).toBe(expected);
  });

  it("rejects an empty list of delays, and jitter outside 0 to 1", () => {
    expect(() => createBackoff({ delaysMs: [] })).toThrow(RangeError);
    expect(() => createBackoff({ delaysMs, jitter: 1.1 })).toThrow(RangeError);
  });
});
