// Tests the import arrows with allowed and forbidden imports, and that the dependencies of packages have no cycle.
import { readdirSync, readFileSync } from "node:fs";
import { repositoryPath } from "@waggle/testing/harness";
import { describe, expect, test } from "vitest";
import { arrowProblems } from "./arrows.ts";

describe("an import", () => {
  test.each([
    ["packages/models/src/header/x.ts", "@waggle/async"],
    ["packages/models/src/memory/x.ts", "../download/catalogue.ts"],
    ["packages/grammar/src/gbnf/x.ts", "../json-schema/index.ts"],
    ["packages/chat-format/src/format/x.ts", "@waggle/models/header"],
    ["packages/testing/src/harness/x.ts", "@waggle/testing"],
    ["packages/engine-llama/src/sampling/x.ts", "../passes/passes.ts"],
    ["packages/jobs/src/x.ts", "node-llama-cpp"],
    ["apps/worker/src/worker.ts", "@waggle/engine-llama"],
  ])("of %s must not be %s", (path, name) => {
    const source = `// Owns x.\nimport type { X } from "${name}";\n`;
    expect(arrowProblems(path, source)).toEqual([expect.stringContaining(`${path}: must not import ${name}`)]);
  });

  test.each([
    ["packages/models/src/memory/x.ts", "../header/index.ts"],
    ["packages/models/src/memory/parts/x.ts", "../settings.ts"],
    ["packages/engine-llama/src/load/x.ts", "node-llama-cpp"],
    ["packages/engine-llama/src/text/x.ts", "@waggle/engine"],
    ["apps/worker/src/engine/backends.ts", "@waggle/engine-llama"],
    ["packages/models/src/header/x.test.ts", "@waggle/testing/models"],
  ])("of %s may be %s", (path, name) => {
    expect(arrowProblems(path, `import { x } from "${name}";\n`)).toEqual([]);
  });
});

test("the dependencies of packages have no cycle; pnpm does not warn of one", () => {
  const folders = ["apps", "packages"].flatMap((area) =>
    readdirSync(repositoryPath(area)).map((name) => repositoryPath(`${area}/${name}/package.json`)),
  );
  const needed = new Map(
    folders.map((path) => {
      const { name, dependencies = {} } = JSON.parse(readFileSync(path, "utf8")) as {
        readonly name: string;
        readonly dependencies?: object;
      };
      return [name, Object.keys(dependencies).filter((one) => one.startsWith("@waggle/"))];
    }),
  );
  // Takes away the packages that need no other, until only those of cycles are left.
  for (let free = [""]; free.length > 0;) {
    free = [...needed].filter(([, names]) => !names.some((name) => needed.has(name))).map(([name]) => name);
    for (const name of free) needed.delete(name);
  }
  expect([...needed.keys()]).toEqual([]);
});
