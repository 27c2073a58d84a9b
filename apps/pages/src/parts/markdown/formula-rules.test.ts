// Shows which texts are formulas, and which are money, variables or escaped brackets.
import { expect, it } from "vitest";
import { readBlocks } from "./lexer.ts";

/** The formulas of a text, in their order. */
function formulasIn(text: string): string[] {
  const found: string[] = [];
  JSON.stringify(readBlocks(text), (_, value: unknown) => {
    const token = value as { readonly type?: unknown; readonly tex?: unknown; readonly display?: unknown } | null;
    if (token?.type === "formula") found.push(`${token.display === true ? "block" : "line"} ${String(token.tex)}`);
    return value;
  });
  return found;
}

it.each([
  ["$x$", ["line x"]],
  ["so $a_1 + b_1$, and $c$.", ["line a_1 + b_1", "line c"]],
  ["\\(a\\) and \\[b\\]", ["line a", "block b"]],
  ["text $$x$$ text", ["block x"]],
  ["Look:\n$$\nx\n- y\n$$\nand on", ["block x\n- y"]],
  ["- in a list\n\n  \\[\n  x^2\n  \\]", ["block x^2"]],
  ["$100x$", ["line 100x"]],
  ["$\\$5$", ["line \\$5"]],
  ["**bold $x*y$ text**", ["line x*y"]],
])("%j has formulas", (text, formulas) => {
  expect(formulasIn(text)).toEqual(formulas);
});

it.each([
  "It is $5 or $10.",
  "from $5-$10",
  "$5 for apples and 6$",
  "US$5 and US$6",
  "$HOME/$USER and $PATH",
  "`$a` and `$b`",
  "```sh\necho $a $b\n```",
  "\\$x\\$",
  "$ x $",
  "$$\n\n$$",
  "$$a\n\nb$$",
  "\\[link\\](https://bees.example)",
  `$${"x".repeat(3_000)}$`,
])("%j has no formulas", (text) => {
  expect(formulasIn(text)).toEqual([]);
});
