import { expect, test } from "vitest";
import { measureMemoryBandwidth, resultOf } from "./bandwidth.ts";

test("every thread reads, and their rates are added", async () => {
  const { bytesPerSecond, error, threads } = await measureMemoryBandwidth({ threads: 2, durationMs: 40 });
  expect(threads).toBe(2);
  // The lower bound is below all real memory, the upper bound above.
  expect(bytesPerSecond).toBeGreaterThan(1e7);
  expect(bytesPerSecond).toBeLessThan(1e13);
  expect(error).toBeGreaterThanOrEqual(0);
});

test("the rate is the median of all threads' sums, and the error is the median deviation from it", () => {
  const slice = (bytes: number) => ({ bytes, ms: 1_000 });
  const steady = [slice(100), slice(100), slice(100)];
  expect(resultOf([steady, steady])).toEqual({ bytesPerSecond: 200, error: 0, threads: 2 });
  const disturbed = [slice(100), slice(50), slice(150), slice(10), slice(100)];
  expect(resultOf([disturbed])).toEqual({ bytesPerSecond: 100, error: 0.5, threads: 1 });
  expect(resultOf([disturbed], 0.7).error).toBe(0.7);
});

test("a thread that read nothing gives a rate of 0 and an error of 1", () => {
  expect(resultOf([[]])).toEqual({ bytesPerSecond: 0, error: 1, threads: 1 });
});

test("the measurement stops when its signal aborts", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const measuring = measureMemoryBandwidth({ threads: 1, durationMs: 60_000, signal: controller.signal });
  controller.abort(reason);
  await expect(measuring).rejects.toBe(reason);
});
