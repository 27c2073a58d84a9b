import { expect, test } from "vitest";
import { createLineWatch, type LineLimits } from "./line-limits.ts";

/** What is told of these pieces, and why it ended. */
function told(limits: LineLimits, pieces: readonly string[], decodeMs = 0): readonly [string, string | undefined] {
  const watch = createLineWatch(limits);
  let text = "";
  for (const piece of pieces) {
    const watched = watch.push(piece, decodeMs);
    text += watched.text;
    if (watched.by !== undefined) return [text, watched.by];
  }
  return [text, undefined];
}

test("without limits all is told", () => {
  expect(told({}, ["a\nb\n", "\n", "c"], 1e9)).toEqual(["a\nb\n\nc", undefined]);
});

test("a line that is indented too little ends the text before its first word", () => {
  expect(told({ minIndent: 4 }, ["a\n    b\n  c\n    d"])).toEqual(["a\n    b\n  ", "indent"]);
});

test("pieces may be cut anywhere", () => {
  expect(told({ minIndent: 2 }, ["a\n", " ", "\t", "b", "\n ", "c"])).toEqual(["a\n \tb\n ", "indent"]);
});

test("the first line is indented as it likes, and an empty line not at all", () => {
  expect(told({ minIndent: 2 }, ["a\n  b"])).toEqual(["a\n  b", undefined]);
  expect(told({ minIndent: 2 }, ["a\n\n  b"])).toEqual(["a\n", "indent"]);
});

test("after its time a newline ends the text, and nothing else does", () => {
  expect(told({ maxDecodeMs: 10 }, ["a", "b\n", "c"], 10)).toEqual(["ab\nc", undefined]);
  expect(told({ maxDecodeMs: 10 }, ["a", "b\nc", "d"], 11)).toEqual(["ab\nc", "time"]);
});
