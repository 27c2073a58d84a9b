import { expect, test } from "vitest";
import { lockWarning } from "./memory-lock.ts";

const status = (kilobytes: number): string => `Name:\tnode\nVmLck:\t    ${kilobytes} kB\nVmRSS:\t  90000 kB\n`;
const weights = 100 * 2 ** 20;

test("there is no warning if all weights are locked, or the system does not report the locked memory", () => {
  expect(lockWarning(weights, status(102_400))).toBeUndefined();
  expect(lockWarning(weights, "")).toBeUndefined();
});

test("the warning says how much is locked", () => {
  expect(lockWarning(weights, status(8_192))).toBe(
    "--mlock: 8 MiB of 100 MiB of the weights are locked in memory; the limit on locked memory (ulimit -l) is too small",
  );
  expect(lockWarning(weights, status(0))).toContain("0 MiB of 100 MiB");
});
