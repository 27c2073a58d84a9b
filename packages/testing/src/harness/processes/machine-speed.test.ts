import { expect, it } from "vitest";
import { isOver, scaled } from "./machine-speed.ts";

it("scales a budget by at least 1 and less than 1,000", () => {
  expect([isOver(99, 100), isOver(100_000, 100)]).toEqual([false, true]);
  expect(scaled(100)).toBeGreaterThanOrEqual(100);
});
