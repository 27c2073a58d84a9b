import { expect, it } from "vitest";
import { isOver, processorMs, scaled } from "./machine-speed.ts";

it("accepts a time within its budget, and refuses 1,000 times the budget on any machine", () => {
  expect(isOver(99, 100)).toBe(false);
  expect(isOver(100_000, 100)).toBe(true);
});

it("scales a budget by at least 1 and less than 1,000", () => {
  expect(scaled(100)).toBeGreaterThanOrEqual(100);
  expect(scaled(100)).toBeLessThan(100_000);
});

it("counts the processor time of a computation, and no waiting time", () => {
  const waiting = new Int32Array(new SharedArrayBuffer(4));
  const startedAt = performance.now();
  const idleMs = processorMs(() => Atomics.wait(waiting, 0, 0, 200));
  expect(performance.now() - startedAt).toBeGreaterThan(195);
  expect(idleMs).toBeLessThan(150);
  const busyMs = processorMs(() => {
    for (const until = process.cpuUsage().user + 30_000; process.cpuUsage().user < until;);
  });
  expect(busyMs).toBeGreaterThan(25);
});
