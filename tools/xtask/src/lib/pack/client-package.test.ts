// Tests the client's package: what a browser loads, and the types for programs.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";
import { beforeAll, expect, it } from "vitest";
import { bundleClient, makeClientPackage } from "./client-package.ts";

let root: string;
beforeAll(() => void (root = realpathSync(mkdtempSync(join(tmpdir(), "waggle-client-")))));

const mostBytes = 40_000;

it("the client loads no module of Node, has no zod in it, and is small", async () => {
  const { code, sources, imports } = await bundleClient();
  expect(imports).toEqual([]);
  expect(sources.filter((path) => /zod|packages\/async/.test(path))).toEqual([]);
  expect(sources).toContain("packages/client/src/ask/follow-job.ts");
  expect(code).not.toMatch(/\bzod\b|"node:|\bBuffer\b|process\./);
  expect(code.length).toBeLessThan(mostBytes);
});

it("the package has types that need no other package, and runs in Node", async () => {
  const installed = join(root, "node_modules/@waggle/client");
  mkdirSync(installed, { recursive: true });
  await makeClientPackage(installed);
  expect(readdirSync(installed).toSorted()).toEqual(
    ["LICENSE", "README.md", "THIRD-PARTY-NOTICES", "index.js", "package.json", "types"].toSorted(),
  );
  expect(readFileSync(join(installed, "THIRD-PARTY-NOTICES"), "utf8")).toContain("eventsource-parser");
  const program = `import { createWaggle, WaggleError, type AnswerResult } from "@waggle/client";
const waggle = createWaggle({ url: "http://127.0.0.1:1", maxTries: 0 });
const answer = waggle.ask({ messages: [{ role: "user", content: "a" }], session: "s" });
export const result: Promise<AnswerResult> = answer.result;
export const texts: AsyncIterable<string> = answer.text;
result.catch((error: unknown) => {
  if (error instanceof WaggleError) console.log(error.code, error.retryable, error.retryAfterMs);
});
// @ts-expect-error a field that does not exist
waggle.ask({ temperatur: 1 });
`;
  writeFileSync(join(root, "program.ts"), program);
  const options = {
    target: "es2022",
    lib: ["es2022", "dom", "dom.iterable"],
    module: "nodenext",
    types: [],
    strict: true,
    outDir: "out",
  };
  writeFileSync(join(root, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["program.ts"] }));
  writeFileSync(join(root, "package.json"), JSON.stringify({ type: "module" }));
  execFileSync(repositoryPath("node_modules/.bin/tsc"), ["-p", root], { encoding: "utf8" });
  const printed = execFileSync(process.execPath, ["out/program.js"], { cwd: root, encoding: "utf8" });
  expect(printed).toBe("unavailable true 5000\n");
});
