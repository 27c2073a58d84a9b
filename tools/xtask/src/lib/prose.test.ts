// Tests which texts are searched for avoided words.
import { expect, it } from "vitest";
import { proseProblems } from "./prose.ts";

it.each([
  ["a comment on a line", "a.ts", "const a = 1; // It stands for nothing."],
  ["a line within a comment", "a.ts", " * beside the others"],
  ["a text", "a.ts", 'throw new Error("Cannot load it: there is no file, or there are none");'],
  ["a template", "a.tsx", "const title = `a folder of its own`;"],
  ["a comment after code", "a.css", "a { color: red; } /* nobody sees it */"],
  ["a comment in C++", "native/a.cc", "  /** Lies in a row. */"],
  ["a line of Markdown", "docs/a.md", "The client is told."],
])("finds a word in %s", (_, path, line) => {
  expect(proseProblems(path, `\n${line}\n`)).toEqual([expect.stringContaining(`${path}:2: "`)]);
});

it.each("a.html a.yaml a.sh .ci/run a.py Containerfile a.service .gitignore requirements.txt package.json".split(" "))(
  "reads every line of %s",
  (path) => expect(proseProblems(path, "nobody")).toHaveLength(1),
);

it.each([
  ["a name", "a.ts", "const said = whoever(told);"],
  ["a text that is one word", "a.ts", 'type Kind = "none" | "said";'],
  ["code of a chat template", "a.ts", 'const source = "{{ tools is none }} and {% if x is none %}";'],
  ["code in a comment", "a.ts", "// Read from `said`."],
  ["code in Markdown", "docs/a.md", "The field `told` is text."],
  ["a block of code in Markdown", "docs/a.md", "```\nsaid\n```"],
  ["data of tests", "packages/x/src/testing/a.ts", "// said"],
  ["a lockfile", "pnpm-lock.yaml", "told: 1.0.0"],
])("leaves %s", (_, path, text) => {
  expect(proseProblems(path, `${text}\n`)).toEqual([]);
});
