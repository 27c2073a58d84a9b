import { expect, test } from "vitest";
import { fits, type ContextMemory } from "./context.ts";

const sizes = { contextSize: 100, contextPool: 200 };

test("a context fits if it takes at most the free memory of host and GPU", () => {
  const takenBy: ContextMemory["takenBy"] = ({ contextSize, contextPool }) => ({
    host: contextSize,
    gpu: 5 * contextPool,
  });
  expect(fits(sizes, { free: { host: 100, gpu: 1_000 }, takenBy })).toBe(true);
  expect(fits(sizes, { free: { host: 100, gpu: 999 }, takenBy })).toBe(false);
  expect(fits(sizes, { free: { host: 99, gpu: 1_000 }, takenBy })).toBe(false);
});

test("a part of the free memory may be the limit", () => {
  const memory = { free: { host: 200, gpu: 0 }, takenBy: () => ({ host: 100, gpu: 0 }) };
  expect([fits(sizes, memory, 0.5), fits(sizes, memory, 0.4)]).toEqual([true, false]);
});
