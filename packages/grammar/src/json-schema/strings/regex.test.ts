import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileSchema, refusal } from "../../testing/compiled-schema.ts";
import { jsonSchemaToGbnf } from "../json-grammar.ts";

/** Short texts of few different characters, so that random texts match often enough. */
const texts = fc.string({
  unit: fc.constantFrom("a", "b", "c", "1", "-", " ", '"', "\\", "\n", "é", "😀"),
  maxLength: 7,
});

/** Sources of random patterns over the characters of `texts`. */
const { pattern: patterns } = fc.letrec<{ pattern: string; part: string; atom: string }>((tie) => ({
  pattern: fc.tuple(fc.constantFrom("", "^"), tie("part"), fc.constantFrom("", "$")).map((parts) => parts.join("")),
  part: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie("atom"),
    fc.tuple(tie("part"), tie("part")).map(([a, b]) => a + b),
    fc.tuple(tie("part"), tie("part")).map(([a, b]) => `(${a}|${b})`),
    fc
      .tuple(tie("part"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{0,2}?", "{2,}"))
      .map(([a, count]) => `(?:${a})${count}`),
  ),
  atom: fc.constantFrom(
    "a",
    "b",
    "é",
    "😀",
    "1",
    "-",
    '"',
    "\\\\",
    "[ab]",
    "[^a]",
    "[a-c1]",
    ".",
    "\\d",
    "\\w",
    "\\s",
    "\\S",
    "\\W",
    "[\\d-]",
    "\\n",
    "",
  ),
}));

describe("patterns", () => {
  it("accept the texts that the regular expression matches, and no others", () => {
    fc.assert(
      fc.property(patterns, fc.array(texts, { minLength: 20, maxLength: 20 }), (pattern, list) => {
        const expression = new RegExp(pattern, "u");
        const { accepts, samples } = compileSchema({ type: "string", pattern });
        const wrong = list.filter((text) => accepts(text) !== expression.test(text));
        const invalid = samples(10).filter((json) => !expression.test(JSON.parse(json) as string));
        expect({ wrong, invalid }).toEqual({ wrong: [], invalid: [] });
      }),
    );
  });

  it.each([
    "^$",
    "",
    "^a|b$",
    "(^a|b$)",
    "(?:^|-)a(?:$|-)",
    "^(a$)?",
    "a$|^b",
    "^(?=.*a)(?=.*1).{2,4}$",
    "^(?!a)[a-c]+$",
    "^(?!.*aa)[ab]+$",
    "a(?!b)",
    "(?!^a)b",
    "^(?!^[-1]*$)[a1-]*$",
    "(?=^a|b)[ab]c",
    "a(?=b|$)",
    "^(?:(?=a)[ab]|c)",
    "^(?<year>1{2})-\\x61\\u0062\\u{63}$",
    "^[\\]\\-\\^]*$",
    "^[^\\s\\S]?a$",
    "(a*)*b",
    "^(a?b?)*$",
    "^(a|ab)(c|bc)$",
    "^[\\u{1F600}-\\u{1F64F}é]+$",
    "^\\uD83D\\uDE00$",
    "^.$",
    "^a{0}b$",
    "^(?:a?|a{3})$",
    "^(?:a|b{2})?b$",
    "a?^b",
    "^[\\^a]+$",
    "\\/|\\.|\\$",
  ])("%s matches the same texts as in JavaScript", (pattern) => {
    const expression = new RegExp(pattern, "u");
    const { accepts, samples } = compileSchema({ type: "string", pattern });
    const words = ["a", "b", "ab", "abc", "c", "-", "1", "11-abc", "]-^", "b", "/"];
    fc.assert(
      fc.property(
        fc.oneof(
          texts,
          fc.array(fc.constantFrom(...words)).map((list) => list.join("")),
        ),
        (text) => accepts(text) === expression.test(text),
      ),
    );
    expect(samples(50).filter((json) => !expression.test(JSON.parse(json) as string))).toEqual([]);
  });

  it.each([
    ["(?<=a)b", "lookbehind"],
    ["(?<!a)b", "lookbehind"],
    ["(a)\\1", "backreference"],
    ["(?<x>a)\\k<x>", "backreference"],
    ["\\bword\\b", "word boundary"],
    ["\\p{L}", "\\p"],
    ["(?i:a)", "(?"],
    ["(?:(?!a).)*", "within a repetition"],
    ["(^a)+", "within a repetition"],
    ["^*", "anchor"],
    ["a{3,1}", "out of order"],
    ["[z-a]", "out of order"],
    ["[\\d-x]", "between two characters"],
    ["a{1000000}", "more than"],
    ["(a", '"("'],
    ["a)", '")"'],
    ["[a", '"["'],
    ["a**", "backslash"],
    ["\\", "backslash"],
    [`${"(".repeat(100)}a${")".repeat(100)}`, "groups"],
  ])("rejects %s with the unsupported construct", (pattern, reason) => {
    expect(refusal({ properties: { a: { type: "string", pattern } } })).toMatchObject({
      name: "UnsupportedSchemaError",
      keyword: "pattern",
      path: "/properties/a/pattern",
      message: expect.stringContaining(reason),
    });
  });

  it("keep their structure if the next character decides how to continue", () => {
    const { text } = compileSchema({ type: "string", pattern: '^[A-Z]{3}(?:-\\d+)?"$' });
    expect(text).toContain(String.raw`"\"" [A-Z]{3} ("-" [0-9]+)? "\\\"\""`);
  });

  it("are matched with one reading at a time", () => {
    expect(compileSchema({ type: "string", pattern: "^(?:aab|aac|aad)$" }).widest('"aac"')).toBe(1);
    expect(compileSchema({ type: "string", pattern: "^(?:aa?)*b$" }).widest('"aaaaaaaab"')).toBeLessThanOrEqual(2);
  });

  it("may be long", () => {
    const row = compileSchema({ type: "string", pattern: `^(?:x${"ab".repeat(450)}c?c|x${"ab".repeat(450)}d)$` });
    expect(row.accepts(`x${"ab".repeat(450)}d`)).toBe(true);
  });

  it("need at most as many rules as the automaton has states, and one reading at a time", () => {
    const rules = jsonSchemaToGbnf({ type: "string", pattern: "(foo|bar)+[a-z]*x$" }).split("\n");
    expect(rules.length).toBeLessThan(30);
  });
});
