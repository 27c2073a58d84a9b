// Tests the house rules on texts that follow and texts that break the rules.
import { describe, expect, it } from "vitest";
import { decisionProblems, fileProblems, folderProblems } from "./tidy.ts";

describe("a source file", () => {
  it("opens with a comment and has a meaningful name", () => {
    expect(fileProblems("packages/x/src/lib/a.ts", "// Owns a.\nexport {};\n")).toEqual([]);
    expect(fileProblems("packages/x/src/lib/a.ts", "export {};\n// Owns a.\n")).toHaveLength(1);
    expect(fileProblems("packages/x/src/index.ts", "export {};\n")).toEqual([]);
    expect(fileProblems("packages/x/src/lib/string-utils.ts", "// Owns a.\n")).toHaveLength(1);
    expect(fileProblems("packages/x/src/lib/outils.ts", "// Owns a.\n")).toEqual([]);
  });

  it("has no conflict markers, also not in a string literal", () => {
    for (const sign of ["<", ">"])
      expect(fileProblems("a.ts", `// Owns a.\nconst help = \`\n${sign.repeat(7)} main\n\`;\n`)).toHaveLength(1);
  });
});

describe("a folder of source", () => {
  const filesIn = (folder: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${folder}/file-${index}.ts`);

  it("has at most 16 files, and at most 16 tests, not counting its index", () => {
    const most = [...filesIn("packages/x/src/lib", 16), "packages/x/src/lib/index.ts"];
    const tests = most.map((path) => path.replace(".ts", ".test.ts"));
    expect(folderProblems([...most, ...tests.slice(1), ...filesIn("packages/x/src/lib/inner", 16)])).toEqual([]);
    expect(folderProblems([...most, "packages/x/src/lib/one-more.tsx"])).toEqual([
      "packages/x/src/lib: has 17 source files; divide it, at most 16 are allowed",
    ]);
    expect(folderProblems(tests)).toEqual(["packages/x/src/lib: has 17 tests; divide it, at most 16 are allowed"]);
  });
});

describe("a decision", () => {
  const [one, two] = ["- [001: A](001-a.md)\n", "- [002: B](002-b.md)\n"];
  const problems = (index: string, words = 3, comment = "Decision 002."): number => {
    const pages = { "d/001-a.md": "# 001: A\n", "d/002-b.md": `# 002: B\n${"a ".repeat(words - 3)}` };
    return decisionProblems(new Map(Object.entries(pages)), index, `// As decision 001 says. ${comment}`).length;
  };

  it("is in the index once, in order, with its title; has at most 350 words; and is named in the code", () => {
    const wrong = [one, two + one, one + one + two, one + two.replace("B", "C")];
    expect([one + two, ...wrong].map((index) => problems(index))).toEqual([0, 1, 1, 1, 1]);
    const lengths = [350, 351].map((words) => problems(one + two, words));
    expect([...lengths, problems(one + two, 3, "Decision 003.")]).toEqual([0, 1, 1]);
  });
});
