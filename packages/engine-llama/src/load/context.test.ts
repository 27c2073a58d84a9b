import { expect, test } from "vitest";
import { defaultContextSize, fits, type ContextMemory } from "./context.ts";

const memoryOf = (freeBytes: number): ContextMemory => ({
  free: { host: freeBytes, gpu: 0 },
  takenBy: (contextSize) => ({ host: contextSize * 1_000, gpu: 0 }),
});

test("the default size is the trained size if there is enough memory", () => {
  expect(defaultContextSize(512, memoryOf(1e12))).toBe(512);
  expect(defaultContextSize(300, memoryOf(1e12))).toBe(300);
});

test("the default size is at most 8,192", () => {
  expect(defaultContextSize(131_072, memoryOf(1e12))).toBe(8_192);
});

test("the default size shrinks until the context fits into half of the free memory", () => {
  expect(defaultContextSize(4_096, memoryOf(4_096_000))).toBe(2_048);
  expect(defaultContextSize(4_096, memoryOf(4_095_999))).toBe(1_792);
});

test("the default size is undefined if nothing fits", () => {
  expect(defaultContextSize(4_096, memoryOf(511_999))).toBeUndefined();
});

test("a requested size may take all free memory of host and GPU", () => {
  const takenBy: ContextMemory["takenBy"] = (size) => ({ host: size, gpu: 10 * size });
  expect(fits(100, { free: { host: 100, gpu: 1_000 }, takenBy })).toBe(true);
  expect(fits(100, { free: { host: 100, gpu: 999 }, takenBy })).toBe(false);
  expect(fits(100, { free: { host: 99, gpu: 1_000 }, takenBy })).toBe(false);
});
