import fc from "fast-check";
import { expect, test } from "vitest";
import { createAnswerPool } from "./answer-pool.ts";
import { createSuffixIndex } from "./suffix-index.ts";

/** The latest place after the last `size` tokens, searched one by one. */
function latestPlace(text: readonly number[], tail: readonly number[], size: number): number {
  for (let end = text.length - 1; end >= size; end -= 1) {
    if (tail.slice(-size).every((token, i) => token === text[end - size + i])) return end;
  }
  return 0;
}

test("an index finds the latest place of the last 12 tokens, otherwise of the last 3, like a search one by one", () => {
  const token = fc.nat(2);
  const texts = fc.array(token, { minLength: 3, maxLength: 600 });
  fc.assert(
    fc.property(texts, fc.array(token, { minLength: 3, maxLength: 14 }), fc.boolean(), (text, other, isOwn) => {
      const index = createSuffixIndex();
      for (const each of text) index.add([each]);
      const tail = isOwn ? index.tail() : other;
      const long = tail.length >= 12 ? latestPlace(text, tail, 12) : 0;
      const expected = long === 0 ? latestPlace(text, tail, 3) : long;
      const found = index.find(tail);
      expect(found?.position ?? 0).toBe(expected);
      if (found === undefined) return;
      expect(text.slice(expected - found.length, expected)).toEqual(tail.slice(-found.length));
    }),
  );
});

test("no match reaches over a separator or continues after it", () => {
  const index = createSuffixIndex();
  index.add([1, 2, 3, 4]);
  index.separate();
  index.add([1, 2, 5]);
  expect(index.find([2, 3, 4])).toMatchObject({ position: 4 });
  expect(index.at(4)).toBeUndefined();
  expect(index.find([4, 1, 2])).toBeUndefined();
});

test("a pool keeps the latest answers within its limits, and drops the least recently used scope", () => {
  const pool = createAnswerPool({ tokens: 36, scopeTokens: 32 });
  const answer = (first: number): number[] => Array.from({ length: 8 }, (_, i) => first + i);
  const knows = (scope: string, first: number): boolean =>
    pool.find(scope, [first, first + 1, first + 2])?.source.at(3) !== undefined;
  for (let first = 0; first < 100; first += 10) pool.add("alice", answer(first));
  expect(pool.tokens).toBeLessThanOrEqual(32);
  expect([knows("alice", 90), knows("alice", 0), knows("bob", 90)]).toEqual([true, false, false]);
  pool.add("bob", answer(200));
  expect(knows("alice", 90)).toBe(true);
  pool.add("carol", answer(300));
  pool.add("carol", answer(310));
  pool.add("carol", answer(320));
  expect(pool.tokens).toBeLessThanOrEqual(36);
  expect([knows("alice", 90), knows("bob", 200), knows("carol", 320)]).toEqual([true, false, true]);
});

test("a pool keeps the end of an answer that is too long", () => {
  const pool = createAnswerPool({ tokens: 64, scopeTokens: 32 });
  pool.add(
    "alice",
    Array.from({ length: 1_000 }, (_, i) => i),
  );
  expect(pool.tokens).toBeLessThanOrEqual(16);
  expect(pool.find("alice", [990, 991, 992])).toBeDefined();
});
