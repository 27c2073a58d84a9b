// Tests percentiles, medians and the comparison of rounds.
import { describe, expect, it } from "vitest";
import { compare, gapsOf, mean, median, percentile, spreadOf } from "./statistics.ts";

describe("percentile", () => {
  it("takes the nearest rank", () => {
    const values = [5, 1, 4, 2, 3];
    expect(percentile(values, 0.5)).toBe(3);
    expect(percentile(values, 0.95)).toBe(5);
    expect(percentile(values, 0)).toBe(1);
    expect(values).toEqual([5, 1, 4, 2, 3]);
  });

  it("is NaN for an empty list", () => {
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe("median", () => {
  it("is the middle value, or the mean of the two middle values", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([1, 10, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});

describe("mean", () => {
  it("is the sum over the count", () => {
    expect(mean([0, 0, 6])).toBe(2);
    expect(mean([])).toBeNaN();
  });
});

describe("compare", () => {
  it("takes the median of the ratios of pairs, not the ratio of the medians", () => {
    // In the second round the machine was slow, for both sides.
    expect(compare([100, 10, 60], [50, 5, 40])).toEqual({ ours: 60, theirs: 40, ratio: 2 });
  });

  it("leaves out pairs without a ratio", () => {
    expect(compare([1, 2], [0, 4]).ratio).toBe(0.5);
    expect(compare([1], [0]).ratio).toBeUndefined();
  });

  it("has no ratio without values of the other side", () => {
    expect(compare([3, 1, 2], [])).toEqual({ ours: 2, theirs: undefined, ratio: undefined });
  });
});

describe("spreadOf", () => {
  it("takes nearest ranks and does not change its input", () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(spreadOf(values)).toEqual({ p50: 50, p95: 95, max: 100 });
    expect(values[0]).toBe(100);
  });

  it("works for one value and for an empty list", () => {
    expect(spreadOf([7.12345])).toEqual({ p50: 7.123, p95: 7.123, max: 7.123 });
    expect(spreadOf([])).toEqual({ p50: 0, p95: 0, max: 0 });
  });
});

describe("gapsOf", () => {
  it("is the time between successive arrivals", () => {
    expect(gapsOf([10, 12, 17])).toEqual([2, 5]);
    expect(gapsOf([10])).toEqual([]);
  });
});
