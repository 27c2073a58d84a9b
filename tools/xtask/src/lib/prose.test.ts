// Tests which texts are searched for avoided words.
import { expect, it } from "vitest";
import { proseProblems } from "./prose.ts";

it.each([
  ["a comment on a line", "a.ts", "const a = 1; // It stands for nothing."],
  ["a comment above a declaration", "a.ts", "/** Read by nobody. */"],
  ["a line within a comment", "a.ts", " * beside the others"],
  ["a text", "a.ts", 'throw new Error("Cannot load it: there is no file, or there are none");'],
  ["a template", "a.tsx", "const title = `a folder of its own`;"],
  ["a comment after code", "a.css", "a { color: red; } /* nobody sees it */"],
  ["a comment in C++", "native/a.cc", "  /** Lies in a row. */"],
  ["a line of Markdown", "docs/a.md", "The client is told."],
  ["a page", "apps/a.html", "<!-- nobody -->"],
  ["YAML", "packaging/a.yaml", "description: The client is told."],
  ["a shell script", "a.sh", 'echo "told"'],
  ["the script of CI", ".ci/run", "# Whoever runs it."],
  ["a docstring", "a.py", "that goes on from it"],
  ["a container's file", "packaging/Containerfile", "# told"],
  ["a system service", "a.service", "# told"],
  ["a file of git", ".gitattributes", "# told"],
  ["a list of Python packages", "requirements.txt", "# told"],
  ["a description of a package", "packages/a/package.json", '  "description": "A folder of its own",'],
])("finds a word in %s", (_, path, line) => {
  const problems = proseProblems(path, `\n${line}\n`);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(new RegExp(`^${path}:2: "`));
});

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
