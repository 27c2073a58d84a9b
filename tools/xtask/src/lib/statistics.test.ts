// Tests the percentiles.
import { expect, it } from "vitest";
import { spreadOf } from "./statistics.ts";

it("takes nearest ranks and leaves its input alone", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(spreadOf(values)).toEqual({ p50: 50, p95: 95, max: 100 });
  expect(values[0]).toBe(100);
});

it("works for one value and for none", () => {
  expect(spreadOf([7.12345])).toEqual({ p50: 7.123, p95: 7.123, max: 7.123 });
  expect(spreadOf([])).toEqual({ p50: 0, p95: 0, max: 0 });
});
