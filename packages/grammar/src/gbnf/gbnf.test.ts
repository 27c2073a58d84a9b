import { describe, expect, test } from "vitest";
import { GbnfError, parseGbnf } from "./gbnf.ts";

describe("reading GBNF", () => {
  test.each([
    String.raw`root ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" ["\\bfnrt])* "\""`,
    `root ::= "${"(".repeat(500)}"`,
    `root ::= [${"(".repeat(500)}] # ${"(".repeat(500)}`,
    `root ::= ${'("a")'.repeat(500)}`,
    `root ::= ${"(".repeat(128)}"a"${")".repeat(128)}`,
    String.raw`root ::= "a\\x00"`,
    String.raw`root ::= [^\x00]`,
    String.raw`root ::= [\x00-\x1f]`,
    'root ::= # a comment\n  "a" | # and another\n  "b"\r\nb ::= (\n"x"\n)\n',
    "root ::= [a-] [-a] .",
    'root ::= "a"{2}{ 2 }{2,}{ 2 , }{2,3}{ 2 , 3 }',
  ])("accepts %.60s", (grammar) => {
    expect(parseGbnf(grammar).root.name).toBe("root");
  });

  test.each<[grammar: string, reason: RegExp]>([
    [`root ::= ${"(".repeat(129)}"a"${")".repeat(129)}`, /nests groups more than 128 deep/],
    [String.raw`root ::= "\x00"`, /NUL/],
    [String.raw`root ::= "ab\\\u0000c"`, /NUL/],
    [String.raw`root ::= [\x00]`, /NUL/],
    [String.raw`root ::= [\U00000000-\x00]`, /NUL/],
    ['root ::= "\0"', /NUL/],
    ["root ::= <[1]>", /names tokens/],
    ['root ::= "a" !<x>', /names tokens/],
    ['root ::= "a"\nb ::= "b', /ends within a literal or a class in line 2/],
    ['root ::= "a" "b" }', /a rule must end with its line/],
    ['root ::= "a"{x}', /has no count/],
    ["root ::= other", /rule other is not defined/],
    ['a ::= "a"', /no rule named root/],
  ])("refuses %.60s", (grammar, reason) => {
    expect(() => parseGbnf(grammar)).toThrow(GbnfError);
    expect(() => parseGbnf(grammar)).toThrow(reason);
  });

  // Quadratic time would take minutes.
  test("parses a long invalid grammar in linear time", { timeout: 60_000 }, () => {
    const space = " ".repeat(1_000_000);
    const digits = "1".repeat(1_000_000);
    for (const grammar of [
      `root ::= "${String.raw`\"`.repeat(500_000)}`,
      `root ::= [${String.raw`\]`.repeat(500_000)}`,
      `root ::= ${'"'.repeat(999_999)}`,
      `root ::= ${space}{`,
      `root ::= "a"{1,${space}`,
      `root ::= "a"{${space}1${space},${space}1${space}`,
      `root ::= "a"{${digits},${digits}`,
      `root ::= ${"#".repeat(1_000_000)}`,
    ]) {
      try {
        parseGbnf(grammar);
      } catch (error) {
        expect(error).toBeInstanceOf(GbnfError);
      }
    }
  });
});
