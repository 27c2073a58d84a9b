// Tests the reading of schedstat.
import { expect, it } from "vitest";
import { coreWaitMs, parseSchedstat } from "./core-wait.ts";

it("is the second number, in milliseconds", () => {
  expect(parseSchedstat("5093541 2500000 12\n")).toBe(2.5);
});

it("is a number for a process that lives, and 0 for one that does not", () => {
  expect(coreWaitMs(process.pid)).toBeGreaterThanOrEqual(0);
  expect(coreWaitMs(2 ** 30)).toBe(0);
});
