import { describe, expect, test } from "vitest";
import { parseGbnf } from "./gbnf.ts";
import { grammarProblem } from "./grammar-check.ts";

const problemOf = (grammar: string): string | undefined => grammarProblem(parseGbnf(grammar));

describe("a grammar", () => {
  test.each([
    'root ::= "yes" | "no"',
    'root ::= "a" root | ""',
    'root ::= ("a" | b)* \nb ::= "(" root ")"',
    'root ::= e e e "x"\ne ::= ""',
    'root ::= ("a"* ""*)*',
    'root ::= root{0} "a" | root{0}',
  ])("may be %s", (grammar) => {
    expect(problemOf(grammar)).toBeUndefined();
  });

  test.each([
    'root ::= root "a" | "b"',
    'root ::= a\na ::= b "x"\nb ::= a | "z"',
    'root ::= e root "x" | "y"\ne ::= f\nf ::= ""',
    'root ::= "a"? root',
    'root ::= "a"{0} root',
    'root ::= root{0,1} "a"',
    'root ::= "a"\nb ::= (b "x")*',
  ])("may not be %s", (grammar) => {
    expect(problemOf(grammar)).toMatch(/left recursion/);
  });

  test("is checked in linear time for any references between its rules", () => {
    const count = 10_000;
    const lines = Array.from({ length: count }, (_, i) => `r${i} ::= r${i + 1} r${i + 1} | r${i + 1}`);
    const { root, rules } = parseGbnf(["root ::= r0", ...lines, `r${count} ::= "x"?`].join("\n"));
    let reads = 0;
    for (const rule of rules) {
      const { options } = rule;
      const get = (): typeof options => {
        if ((reads += 1) > 10 * count) throw new Error("The rules are read too often.");
        return options;
      };
      Object.defineProperty(rule, "options", { get });
    }
    expect(grammarProblem({ root, rules })).toBeUndefined();
  });
});
