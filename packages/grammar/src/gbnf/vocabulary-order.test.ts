import { expect, test } from "vitest";
import { createVocabularyOrder } from "./vocabulary-order.ts";

const texts = ["", "a", "b", "ab", "abc", "abd", "é", "ba", "a"];
const order = await createVocabularyOrder(texts.length, (token) => new TextEncoder().encode(texts[token]));

/** Allows all prefixes of these words. */
const within = (words: string[]) => (position: string, byte: number) => {
  const next = position + String.fromCharCode(byte);
  return words.some((word) => word.startsWith(next)) ? next : undefined;
};

test("finds every token whose bytes are allowed, and no other", () => {
  expect(order.reachable("", within(["abd", "b"]), 100).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 5, 8]);
  expect(order.reachable("", within(["x"]), 100)).toEqual([]);
});

test("stops at the limit, and skips all tokens after a byte that is not allowed", () => {
  expect(order.reachable("", (position) => position, 3)).toHaveLength(3);
  const asked: number[] = [];
  order.reachable("", (_, byte) => void asked.push(byte), 100);
  expect(asked).toEqual([0x61, 0x62, 0xc3]);
});
