import { expect, test } from "vitest";
import { grammarProblem } from "./grammar-check.ts";

test.each([
  'root ::= "yes" | "no"',
  String.raw`string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" ["\\bfnrt])* "\""`,
  `root ::= "${"(".repeat(500)}"`,
  `root ::= [${"(".repeat(500)}] # ${"(".repeat(500)}`,
  `root ::= ${'("a")'.repeat(500)}`,
  `root ::= ${"(".repeat(128)}"a"${")".repeat(128)}`,
  String.raw`root ::= "a\\x00"`,
  String.raw`root ::= [^\x00]`,
  String.raw`root ::= [\x00-\x1f]`,
])("has nothing against %.60s", (grammar) => {
  expect(grammarProblem(grammar)).toBeUndefined();
});

test("refuses groups that would overflow the parser's stack", () => {
  expect(grammarProblem(`root ::= ${"(".repeat(129)}"a"${")".repeat(129)}`)).toMatch(/nests more than 128 groups/);
});

test.each([
  String.raw`root ::= "\x00"`,
  String.raw`root ::= "ab\\\u0000c"`,
  String.raw`root ::= [\x00]`,
  String.raw`root ::= [\U00000000-\x00]`,
  'root ::= "\0"',
])("refuses a grammar that demands NUL: %s", (grammar) => {
  expect(grammarProblem(grammar)).toMatch(/NUL/);
});

test("looks at a long broken grammar once", () => {
  const started = performance.now();
  grammarProblem(`root ::= "${String.raw`\"`.repeat(32_000)}`);
  grammarProblem(`root ::= [${String.raw`\]`.repeat(32_000)}`);
  grammarProblem(`root ::= ${'"'.repeat(65_535)}`);
  expect(performance.now() - started).toBeLessThan(1_000);
});
