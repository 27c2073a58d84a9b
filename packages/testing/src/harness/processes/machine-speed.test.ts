import { expect, it } from "vitest";
import { isOver, processorMs, scaled } from "./machine-speed.ts";

it("lets nothing pass that is over its budget on any machine, and all that is within it", () => {
  expect(isOver(99, 100)).toBe(false);
  expect(isOver(100_000, 100)).toBe(true);
});

it("waits no shorter than the budget, and not for hours", () => {
  expect(scaled(100)).toBeGreaterThanOrEqual(100);
  expect(scaled(100)).toBeLessThan(100_000);
});

it("counts the processor time of a computation, and not the time that passes meanwhile", () => {
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
