import { expect, test } from "vitest";
import { createFairQueue } from "./fair-queue.ts";

test("one of each client in turn, each client's in order", () => {
  const queue = createFairQueue<string>();
  for (const task of ["a1", "a2", "a3", "b1", "c1", "b2"]) queue.push(task.charAt(0), task);
  expect([queue.size, queue.sizeOf("a"), queue.sizeOf("d")]).toEqual([6, 3, 0]);
  expect(Array.from({ length: 7 }, () => queue.take())).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", undefined]);
});

test("draining leaves nothing", () => {
  const queue = createFairQueue<number>();
  queue.push("a", 1);
  queue.push("b", 2);
  expect(queue.drain()).toEqual([1, 2]);
  expect([queue.size, queue.take()]).toEqual([0, undefined]);
});
