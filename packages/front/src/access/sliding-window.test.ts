import fc from "fast-check";
import { expect, test } from "vitest";
import { createSlidingWindow } from "./sliding-window.ts";

test("a use expires with the window, and belowInMs returns the time until then", () => {
  const window = createSlidingWindow(60_000, 60);
  window.add(1, 100);
  window.add(2, 500);
  // At most a window: a day's quota never asks for more than 24 h.
  expect(window.belowInMs(3, 500)).toBe(60_000);
  window.add(2, 10_000);
  expect(window.used(60_000)).toBe(5);
  expect(window.belowInMs(5, 60_000)).toBe(500);
  expect(window.belowInMs(2, 60_000)).toBe(10_000);
  expect(window.used(60_500)).toBe(2);
  expect(window.used(70_000)).toBe(0);
  expect(window.belowInMs(1, 70_000)).toBe(0);
});

test("after belowInMs milliseconds the use is below the limit, and the use within any window never exceeds the limit", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 60 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 8 }), (waits, limit) => {
      const window = createSlidingWindow(60_000, 60);
      const times: number[] = [];
      let now = 0;
      for (const wait of waits) {
        now += wait;
        const told = window.belowInMs(limit, now);
        expect(told > 0).toBe(window.used(now) >= limit);
        now += told;
        expect(window.used(now)).toBeLessThan(limit);
        window.add(1, now);
        times.push(now);
      }
      for (const end of times) {
        expect(times.filter((time) => time > end - 60_000 && time <= end).length).toBeLessThanOrEqual(limit);
      }
    }),
  );
});
