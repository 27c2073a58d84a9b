// Tests that each window has the values since the window's last read, and that every value is counted.
import { expect, it } from "vitest";
import { createLatencies } from "./latencies.ts";

it("measures seconds, and reports milliseconds", () => {
  const latencies = createLatencies();
  const summarize = latencies.window();
  for (let i = 1; i <= 100; i += 1) latencies.observe(i / 10);
  const { p50_ms: p50 = 0, p95_ms: p95 = 0, count } = summarize() ?? {};
  expect(count).toBe(100);
  expect(Math.abs(p50 / 5_000 - 1)).toBeLessThan(0.06);
  expect(Math.abs(p95 / 9_500 - 1)).toBeLessThan(0.06);
});

it("each read of a window has the values since its previous read, and is undefined without values", () => {
  const latencies = createLatencies();
  const one = latencies.window();
  const other = latencies.window();
  latencies.observe(1);
  expect(one()?.count).toBe(1);
  expect(one()).toBeUndefined();
  latencies.observe(1);
  expect(other()?.count).toBe(2);
  expect(Object.values(latencies.buckets())).toEqual([2]);
});

it("zero, negative and infinite values and NaN are counted", () => {
  const latencies = createLatencies();
  const summarize = latencies.window();
  for (const seconds of [0, -1, Number.NaN, Infinity]) latencies.observe(seconds);
  expect(summarize()?.count).toBe(4);
});
