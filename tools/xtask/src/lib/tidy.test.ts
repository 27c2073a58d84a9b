// Tests the rules of the house on texts that keep and that break them.
import { describe, expect, it } from "vitest";
import { decisionProblems, fileProblems, indexProblems, readmeProblems } from "./tidy.ts";

const readme = "# @waggle/x\n\nWhat it is.\n\n## Use\n\n```ts\nlet a = 1;\n```\n\n## Limits\n\n## Not for\n";

describe("a README", () => {
  it("has the four headings and one snippet", () => {
    expect(readmeProblems("p", readme, "x")).toEqual([]);
    expect(readmeProblems("p", readme, "y")).toHaveLength(1);
    expect(readmeProblems("p", readme.replace("## Limits\n", ""), "x")).toHaveLength(1);
    expect(readmeProblems("p", readme.replace("```ts", "```"), "x")).toHaveLength(1);
    expect(readmeProblems("p", `${readme}\n## More\n`, "x")).toHaveLength(1);
  });
});

describe("an index", () => {
  it("re-exports from lib and does nothing else", () => {
    expect(indexProblems("p", '// Why.\nexport * from "./lib/a.ts";\nexport {\n  b,\n} from "./lib/b.ts";\n')).toEqual(
      [],
    );
    expect(indexProblems("p", 'export type { C } from "./lib/c.ts";\n')).toEqual([]);
    expect(indexProblems("p", "export const a = 1;\n")).toHaveLength(1);
    expect(indexProblems("p", 'export * from "../../y/src/index.ts";\n')).toHaveLength(1);
  });
});

describe("a source file", () => {
  it("opens with a comment and has a name that says something", () => {
    expect(fileProblems("packages/x/src/lib/a.ts", "// Owns a.\nexport {};\n")).toEqual([]);
    expect(fileProblems("packages/x/src/lib/a.ts", "export {};\n// Owns a.\n")).toHaveLength(1);
    expect(fileProblems("packages/x/src/index.ts", "export {};\n")).toEqual([]);
    expect(fileProblems("packages/x/src/lib/string-utils.ts", "// Owns a.\n")).toHaveLength(1);
    expect(fileProblems("packages/x/src/lib/outils.ts", "// Owns a.\n")).toEqual([]);
  });

  it("has no conflict of two branches in it, not within a text either", () => {
    for (const marker of ["<".repeat(7), ">".repeat(7)]) {
      expect(
        fileProblems("packages/x/src/lib/a.ts", `// Owns a.\nconst help = \`\n${marker} main\n\`;\n`),
      ).toHaveLength(1);
    }
  });
});

describe("the index of decisions", () => {
  it("lists each file of the folder once, in order", () => {
    const [one, two] = ["| [001](001-a.md) | A |\n", "| [002](002-b.md) | B, see [001](001-a.md) |\n"];
    const problems = (index: string): string[] => decisionProblems(["README.md", "002-b.md", "001-a.md"], index);
    expect(problems(one + two)).toEqual([]);
    for (const index of [one, two + one, one + one + two]) expect(problems(index)).toHaveLength(1);
  });
});
