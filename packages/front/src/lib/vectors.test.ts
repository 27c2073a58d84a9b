import { expect, test } from "vitest";
import { inDimensions } from "./vectors.ts";

test("fewer dimensions are the first ones, of length 1 again", () => {
  expect(inDimensions([0.6, 0, 0.8], 2)).toEqual([1, 0]);
  expect(Math.hypot(...inDimensions([0.5, 0.5, 0.5, 0.5], 3))).toBeCloseTo(1, 12);
});

test("as many as there are, and a vector without a length, stay as they are", () => {
  expect(inDimensions([0.6, 0.8], 2)).toEqual([0.6, 0.8]);
  expect(inDimensions([0, 0, 1], 2)).toEqual([0, 0]);
});
