// Tests that every value is counted in its bucket.
import { latencyOf } from "@waggle/protocol";
import { expect, it } from "vitest";
import { createLatencies } from "./latencies.ts";

it("measures seconds, and reports milliseconds", () => {
  const latencies = createLatencies();
  for (let i = 1; i <= 100; i += 1) latencies.observe(i / 10);
  const { p50_ms: p50 = 0, p95_ms: p95 = 0, count } = latencyOf(latencies.buckets()) ?? {};
  expect(count).toBe(100);
  expect(Math.abs(p50 / 5_000 - 1)).toBeLessThan(0.06);
  expect(Math.abs(p95 / 9_500 - 1)).toBeLessThan(0.06);
});

it("zero, negative and infinite values and NaN are counted", () => {
  const latencies = createLatencies();
  for (const seconds of [0, -1, Number.NaN, Infinity]) latencies.observe(seconds);
  expect(latencyOf(latencies.buckets())?.count).toBe(4);
});
