import { expect, test } from "vitest";
import { createFairQueue, lastTurn } from "./fair-queue.ts";

test("takes one task of each client in turn, and each client's tasks in order", () => {
  const queue = createFairQueue<string>();
  for (const task of ["a1", "a2", "a3", "b1", "c1", "b2"]) queue.push(task.charAt(0), task);
  expect(queue.length).toBe(6);
  expect(Array.from({ length: 7 }, () => queue.take())).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", undefined]);
});

test("a task without a client's turn is taken when no client has one", () => {
  const queue = createFairQueue<string>();
  queue.push(lastTurn, "l1");
  queue.push(lastTurn, "l2");
  queue.push("a", "a1");
  expect([queue.next, queue.take(), queue.next, queue.take(), queue.take()]).toEqual(["a1", "a1", "l1", "l1", "l2"]);
});

test("a queue is empty after draining", () => {
  const queue = createFairQueue<number>();
  queue.push("a", 1);
  queue.push("b", 2);
  expect(queue.drain()).toEqual([1, 2]);
  expect([queue.length, queue.take()]).toEqual([0, undefined]);
});
