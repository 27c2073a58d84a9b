// Tests that quantiles are near the measured values, and that buckets of several sources give the quantiles of all their values.
import { expect, it } from "vitest";
import { addBuckets, growthOfBuckets, latencyBucketOf, LatencySchema, latencyOf, quantileMs } from "./latency.ts";
import type { LatencyBuckets } from "./latency.ts";

const bucketsOf = (...values: readonly number[]): LatencyBuckets =>
  addBuckets(values.map((ms) => ({ [latencyBucketOf(ms)]: 1 })));

const upTo = (most: number, unit = 1): number[] => Array.from({ length: most }, (_, i) => (i + 1) * unit);

it.each([0.1, 20, 1_000])("in units of %d ms, quantiles of even values are near the values", (unit) => {
  const buckets = bucketsOf(...upTo(100, unit));
  for (const q of [0.5, 0.95]) {
    expect(Math.abs((quantileMs(buckets, q) ?? 0) / (100 * q * unit) - 1)).toBeLessThan(0.06);
  }
});

it("interpolates within the bucket of the quantile", () => {
  // Bucket 40 is from 0.01 * 2 ** 9.75 to 10.24 ms.
  const from = 0.01 * 2 ** 9.75;
  const at = (share: number): number => Number((from + (10.24 - from) * share).toPrecision(3));
  expect(quantileMs({ 40: 4 }, 0.5)).toBe(at(0.5));
  expect(quantileMs({ 30: 2, 40: 4 }, 0.5)).toBe(at(0.25));
  expect(quantileMs({ 0: 2 }, 0.5)).toBe(0.005);
});

it("a quantile of merged buckets is that of all values, not the mean of the sources' quantiles", () => {
  const [quick, slow] = [bucketsOf(...upTo(90)), bucketsOf(...upTo(10, 1_000))];
  const merged = addBuckets([quick, slow]);
  expect(quantileMs(merged, 0.5)).toBe(quantileMs(bucketsOf(...upTo(90), ...upTo(10, 1_000)), 0.5));
  expect(Math.abs((quantileMs(merged, 0.5) ?? 0) / 50 - 1)).toBeLessThan(0.05);
  expect(((quantileMs(quick, 0.5) ?? 0) + (quantileMs(slow, 0.5) ?? 0)) / 2).toBeGreaterThan(2_000);
});

it("the growth of buckets has only the new measurements", () => {
  const before = bucketsOf(1, 50);
  expect(growthOfBuckets(before, addBuckets([before, bucketsOf(50, 900)]))).toEqual(bucketsOf(50, 900));
  expect(growthOfBuckets(before, before)).toEqual({});
});

it("summarizes for the wire, and has nothing to say without measurements", () => {
  expect(latencyOf({})).toBeUndefined();
  expect(quantileMs({}, 0.5)).toBeUndefined();
  const buckets = bucketsOf(0, Number.NaN, Infinity, 1e12);
  expect(buckets).toEqual({ 0: 2, 114: 2 });
  expect(LatencySchema.parse(latencyOf(buckets))).toMatchObject({ count: 4, buckets });
  expect(LatencySchema.safeParse({ ...latencyOf(buckets), buckets: { 115: 1 } }).success).toBe(false);
});
