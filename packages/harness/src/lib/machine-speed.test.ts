import { expect, it } from "vitest";
import { isOver, scaled } from "./machine-speed.ts";

it("lets nothing pass that is over its budget on any machine, and all that is within it", () => {
  expect(isOver(99, 100)).toBe(false);
  expect(isOver(100_000, 100)).toBe(true);
});

it("waits no shorter than the budget, and not for hours", () => {
  expect(scaled(100)).toBeGreaterThanOrEqual(100);
  expect(scaled(100)).toBeLessThan(100_000);
});
