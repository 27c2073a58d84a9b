// Tests that a failed check names the command that repairs it.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageManager, repositoryPath } from "@waggle/testing/harness";
import { expect, it } from "vitest";
import { formatProblems } from "./check.ts";

it("a badly formatted file is named, with the command that formats it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "waggle-check-"));
  const path = join(folder, "bad.ts");
  writeFileSync(path, "export const  a = 1\n");
  const problems = await formatProblems(repositoryPath(""), path);
  expect(problems).toContain("bad.ts");
  expect(problems).toContain(`Run npx --yes ${packageManager} format.`);
  expect(problems).not.toContain("--check");
  writeFileSync(path, "export const a = 1;\n");
  expect(await formatProblems(repositoryPath(""), path)).toBe("");
});
