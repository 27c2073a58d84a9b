// Tests time budgets that grow with the machine's slowness, and processor time without waiting.
import { expect, it } from "vitest";
import { isOver, processorMs, scaled } from "./machine-speed.ts";

it("scales a budget by at least 1 and less than 1,000", () => {
  expect([isOver(99, 100), isOver(100_000, 100)]).toEqual([false, true]);
  expect(scaled(100)).toBeGreaterThanOrEqual(100);
});

it("counts the processor time of a computation, and no waiting time", () => {
  const waiting = new Int32Array(new SharedArrayBuffer(4));
  expect(processorMs(() => Atomics.wait(waiting, 0, 0, 200))).toBeLessThan(150);
  const busyMs = processorMs(() => {
    for (const until = process.cpuUsage().user + 30_000; process.cpuUsage().user < until;);
  });
  expect(busyMs).toBeGreaterThan(25);
});
