import { expect, test } from "vitest";
import { editsBetween, nearWord } from "./near.ts";

test.each([
  ["temperatur", "temperature"],
  ["max_token", "max_tokens"],
  ["tempreature", "temperature"],
  ["sotp", "stop"],
  ["tools", undefined],
  ["n", undefined],
  ["x".repeat(100_000), undefined],
])("the word near %s is %s", (word, near) => {
  expect(nearWord(word, ["max_tokens", "k", "stop", "temperature", "top_k"])).toBe(near);
});

test("an edit inserts, deletes, replaces or swaps letters", () => {
  expect(editsBetween("kitten", "sitting", 3)).toBe(3);
  expect(editsBetween("kitten", "sitting", 2)).toBeUndefined();
  expect(editsBetween("ab", "ba", 1)).toBe(1);
  expect(editsBetween("", "ab", 2)).toBe(2);
  expect(editsBetween("same", "same", 0)).toBe(0);
});
