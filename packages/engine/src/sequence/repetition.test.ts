import fc from "fast-check";
import { expect, test } from "vitest";
import { createRepetition } from "./repetition.ts";

/** Returns the number of tokens after which the repetition is detected. */
function noticedAfter(tokens: readonly number[], limit: number): number | undefined {
  const repetition = createRepetition(limit);
  const at = tokens.findIndex((token) => repetition.push(token));
  return at === -1 ? undefined : at + 1;
}

const again = (block: readonly number[], times: number): number[] => Array.from({ length: times }, () => block).flat();

test("a block is detected with the last token of its last allowed repetition", () => {
  const block = Array.from({ length: 20 }, (_, i) => i);
  expect(noticedAfter([100, ...again(block, 10)], 5)).toBe(101);
  expect(noticedAfter([100, ...again(block, 4), 100, ...again(block, 4)], 5)).toBeUndefined();
});

test("short blocks must repeat for 64 tokens, because a row of dashes is normal", () => {
  expect(noticedAfter(again([1], 100), 2)).toBe(64);
  expect(noticedAfter(again([1, 2, 3], 100), 2)).toBe(64);
});

test("a block of more than 128 tokens is not detected", () => {
  const long = Array.from({ length: 129 }, (_, i) => i);
  expect(noticedAfter(again(long, 8), 2)).toBeUndefined();
  expect(noticedAfter(again(long.slice(1), 8), 2)).toBe(256);
});

test("an answer without repetition is never reported", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(), { maxLength: 400 }), fc.integer({ min: 2, max: 20 }), (tokens, limit) => {
      expect(noticedAfter(tokens, limit)).toBeUndefined();
    }),
  );
});
