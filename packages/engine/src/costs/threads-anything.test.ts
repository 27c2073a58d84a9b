import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lostMs, pacingWith, runPasses, threadsOf, usualThreads } from "../testing/simulated-passes.ts";

const bestMs = 10;

/** Times of passes with one to four threads: least with the best number, and at least 15 % more with each step away from it. */
const passTimeCurve = fc
  .record({
    cores: fc.integer({ min: 1, max: 4 }),
    peak: fc.integer({ min: 1, max: 4 }),
    /** Factors by which each thread above the best number makes a pass slower. */
    slower: fc.array(fc.double({ min: 1.15, max: 30, noNaN: true }), { minLength: 3, maxLength: 3 }),
    /** Factors by which each thread below the best number makes a pass slower, at most as with perfectly divided work. */
    faster: fc.array(fc.double({ min: 1.15, max: 1.33, noNaN: true }), { minLength: 3, maxLength: 3 }),
    noise: fc.array(fc.double({ min: 0.98, max: 1.02, noNaN: true }), { minLength: 7, maxLength: 7 }),
  })
  .map(({ cores, peak, slower, faster, noise }) => {
    const best = Math.min(peak, cores);
    const times = Array.from({ length: cores }, (_, index) => {
      const steps = index < best - 1 ? faster.slice(index, best - 1) : slower.slice(best - 1, index);
      return steps.reduce((ms, step) => ms * step, bestMs);
    });
    const passMs = (threads: number, pass: number): number =>
      (times[threads - 1] ?? Number.NaN) * (noise[pass % noise.length] ?? 1);
    return { cores, best, times, passMs };
  });

describe("for random times of passes", () => {
  const passMs = fc.double({ min: 0.01, max: 10_000, noNaN: true });

  test("the number of threads is from 1 to the maximum", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 70 }),
        fc.array(fc.record({ tokens: fc.integer({ min: 1, max: 8_192 }), passMs }), { maxLength: 300 }),
        (start, max, passes) => {
          const pacing = pacingWith({ start, max });
          const used = passes.flatMap((pass) => threadsOf(runPasses(pacing, 1, () => pass.passMs, pass.tokens)));
          expect(used.every((threads) => Number.isInteger(threads) && threads >= 1 && threads <= max)).toBe(true);
        },
      ),
    );
  });

  test("the best number of threads is found soon, and trials lose little time", () => {
    fc.assert(
      fc.property(passTimeCurve, ({ cores, best, times, passMs }) => {
        const pacing = pacingWith({ start: Math.max(1, cores - 1), max: cores });
        const early = runPasses(pacing, 400, passMs);
        expect(usualThreads(early.slice(300))).toBe(best);
        const noiseMs = 0.03 * early.length * bestMs;
        expect(lostMs(early, bestMs)).toBeLessThan(noiseMs + 40 * times.reduce((sum, ms) => sum + ms - bestMs, 0));
        const late = runPasses(pacing, 5_000, passMs);
        expect(usualThreads(late)).toBe(best);
        expect(lostMs(late, bestMs)).toBeLessThan(0.05 * late.length * bestMs);
      }),
    );
  });
});
