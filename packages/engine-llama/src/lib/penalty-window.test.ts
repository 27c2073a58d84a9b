import { expect, test } from "vitest";
import { createPenaltyWindow } from "./penalty-window.ts";

test("keeps the last tokens, oldest first", () => {
  const window = createPenaltyWindow(3);
  window.push([1, 2]);
  expect(window.tokens).toEqual([1, 2]);
  window.push([3, 4]);
  expect(window.tokens).toEqual([2, 3, 4]);
  window.push([5, 6, 7, 8]);
  expect(window.tokens).toEqual([6, 7, 8]);
});
