// Tests the statistics whose errors no other test notices.
import { expect, it } from "vitest";
import { compare, mean, median, percentile, spreadOf } from "./statistics.ts";

it("takes the nearest rank of sorted values, and the mean of the two middle values as the median", () => {
  const values = Array.from({ length: 99 }, (_, i) => 99 - i);
  expect(percentile(values, 0.5)).toBe(50);
  expect(spreadOf([...values, 100])).toEqual({ p50: 50, p95: 95, max: 100 });
  expect([median([1, 10, 2, 3]), mean([0, 0, 6])]).toEqual([2.5, 2]);
});

it("compares rounds by the median of the ratios of pairs, not by the ratio of the medians", () => {
  // In the second round the machine was slow, for both sides.
  expect(compare([100, 10, 60], [50, 5, 40])).toEqual({ ours: 60, theirs: 40, ratio: 2 });
});
