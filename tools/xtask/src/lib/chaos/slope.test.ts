// Tests the straight line through measurements.
import { expect, it } from "vitest";
import { slopeOf } from "./slope.ts";

it("is the rise per measurement", () => {
  expect(slopeOf([1, 3, 5, 7])).toBe(2);
  expect(slopeOf([5, 5, 5])).toBe(0);
  expect(slopeOf([4, 0])).toBe(-4);
});

it("is not moved by what goes up and comes down again", () => {
  expect(slopeOf([10, 12, 10, 8, 10])).toBeCloseTo(-0.4);
  expect(slopeOf([10, 12, 10, 12, 10])).toBe(0);
});

it("is 0 where there is no line", () => {
  expect(slopeOf([])).toBe(0);
  expect(slopeOf([7])).toBe(0);
});
