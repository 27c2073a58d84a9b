import { expect, test } from "vitest";
import type { LineLimits } from "../port/work.ts";
import { createLineWatch } from "./line-limits.ts";

/** Returns the text that is sent of these pieces, and the limit that ended the text. */
function sent(limits: LineLimits, pieces: readonly string[], decodeMs = 0): readonly [string, string | undefined] {
  const watch = createLineWatch(limits);
  let text = "";
  for (const piece of pieces) {
    const { pieces: allowed, by } = watch.push([{ text: piece }], decodeMs);
    text += allowed.map((one) => one.text).join("");
    if (by !== undefined) return [text, by];
  }
  return [text, undefined];
}

test("without limits all text is sent", () => {
  expect(sent({}, ["a\nb\n", "\n", "c"], 1e9)).toEqual(["a\nb\n\nc", undefined]);
});

test("a line that is indented too little ends the text after its spaces", () => {
  expect(sent({ minIndent: 4 }, ["a\n    b\n  c\n    d"])).toEqual(["a\n    b\n  ", "indent"]);
});

test("the borders between pieces make no difference to the indentation", () => {
  expect(sent({ minIndent: 2 }, ["a\n", " ", "\t", "b", "\n ", "c"])).toEqual(["a\n \tb\n ", "indent"]);
});

test("the first line has no least indentation, and an empty line counts as not indented", () => {
  expect(sent({ minIndent: 2 }, ["a\n  b"])).toEqual(["a\n  b", undefined]);
  expect(sent({ minIndent: 2 }, ["a\n\n  b"])).toEqual(["a\n", "indent"]);
});

test("after the time limit, the next newline ends the text", () => {
  expect(sent({ maxDecodeMs: 10 }, ["a", "b\n", "c"], 10)).toEqual(["ab\nc", undefined]);
  expect(sent({ maxDecodeMs: 10 }, ["a", "b\nc", "d"], 11)).toEqual(["ab\nc", "time"]);
});
