import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { createTokenRate } from "./token-rate.ts";

test("the rate is measured since the last report, and repeated in a report that follows at once", () => {
  const clock = createFakeClock();
  let tokens = 0;
  const rate = createTokenRate({ count: () => tokens, clock, startedAt: clock.now() });
  expect(rate()).toBe(0);
  clock.advance(2_000);
  tokens = 100;
  expect(rate()).toBe(50);
  clock.advance(499);
  tokens = 200;
  expect(rate()).toBe(50);
  clock.advance(501);
  expect(rate()).toBe(100);
  clock.advance(1_000);
  tokens = 20;
  expect(rate()).toBe(0);
});

test("each receiver has a separate rate", () => {
  const clock = createFakeClock();
  const options = { count: () => clock.now() / 10, clock, startedAt: clock.now() };
  const [one, other] = [createTokenRate(options), createTokenRate(options)];
  clock.advance(5_000);
  expect(one()).toBe(100);
  clock.advance(5_000);
  expect([one(), other()]).toEqual([100, 100]);
});
