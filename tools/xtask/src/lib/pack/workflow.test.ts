// Compares the commands and the time limit of the workflow file with the repository, because the workflow does not run here.
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { repositoryPath } from "@waggle/testing/harness";
import { commandTable } from "../../commands.ts";

const read = (path: string): string => readFileSync(repositoryPath(path), "utf8");

it("calls existing scripts and commands with the pinned pnpm, and lets .ci/run end by itself", () => {
  const text = read(".github/workflows/ci.yaml");
  const { packageManager, scripts } = JSON.parse(read("package.json")) as { packageManager: string; scripts: object };
  const weekly = /matrix: \{ command: \["(.*)"\] \}/.exec(text)?.[1]?.split('", "') ?? [];
  const commands = weekly.map((command) => `npx --yes ${packageManager} ${command}`).join("\n");
  const calls = Array.from(
    `${text}\n${commands}`.matchAll(/npx --yes (pnpm@\S+) (\w\S*|-r)(?: (\S+))?/g),
    ([, ...words]) => words,
  );
  expect(calls.length).toBeGreaterThan(15);
  const known = new Set(["install", "exec", "-r", ...Object.keys(scripts)]);
  expect(calls.filter(([pnpm, script = ""]) => pnpm !== packageManager || !known.has(script))).toEqual([]);
  const asked = calls.flatMap(([, script, command]) => (script === "xtask" ? [command ?? ""] : []));
  expect(asked.filter((command) => !Object.hasOwn(commandTable.commands, command))).toEqual([]);
  const folders = text.match(/(?<= )packages\/[^\s,]+(?=\s)/g) ?? [];
  expect(folders.length).toBeGreaterThan(5);
  expect(folders.filter((folder) => !existsSync(repositoryPath(folder)))).toEqual([]);
  const [, minutes] = /^deadline_s=\$\(\((\d+) \* 60\)\)$/m.exec(read(".ci/run")) ?? [];
  const [, limit] = /timeout-minutes: (\d+)/.exec(text) ?? [];
  expect(Number(limit)).toBeGreaterThan(Number(minutes));
});
