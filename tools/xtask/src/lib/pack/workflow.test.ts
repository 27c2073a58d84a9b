// Compares the workflow file with the repository, because the workflow does not run here.
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { repositoryPath } from "@waggle/testing/harness";
import { commandTable } from "../../commands.ts";

interface Job {
  readonly if?: string;
  readonly needs?: readonly string[];
  readonly "timeout-minutes": number;
  readonly strategy?: { readonly matrix: { readonly command?: readonly string[] } };
  readonly steps: readonly { readonly run?: string }[];
}

const read = (path: string): string => readFileSync(repositoryPath(path), "utf8");
const { jobs } = parse(read(".github/workflows/ci.yaml")) as { readonly jobs: Readonly<Record<string, Job>> };
const text = Object.values(jobs)
  .flatMap(({ steps, strategy }) =>
    steps.flatMap(({ run = "" }) =>
      run.includes("${{ matrix.command }}")
        ? (strategy?.matrix.command ?? []).map((command) => run.replace("${{ matrix.command }}", command))
        : [run],
    ),
  )
  .join("\n");

it("calls existing scripts and commands, with the pinned pnpm", () => {
  const manifest = JSON.parse(read("package.json")) as { readonly packageManager: string; readonly scripts: object };
  const calls = Array.from(text.matchAll(/npx --yes (pnpm@\S+) (\S+)(?: (\S+))?/g), ([, ...words]) => words);
  expect(calls.length).toBeGreaterThan(15);
  const known = new Set(["install", "exec", "-r", ...Object.keys(manifest.scripts)]);
  expect(calls.filter(([pnpm, script = ""]) => pnpm !== manifest.packageManager || !known.has(script))).toEqual([]);
  const asked = calls.filter(([, script]) => script === "xtask").map(([, , command = ""]) => command);
  expect(asked.filter((command) => !Object.hasOwn(commandTable.commands, command))).toEqual([]);
  const folders = text.match(/(?<= )packages\/\S+/g) ?? [];
  expect(folders.length).toBeGreaterThan(5);
  expect(folders.filter((folder) => !existsSync(repositoryPath(folder)))).toEqual([]);
});

it("lets .ci/run end by itself, runs the long tests and the published clients weekly, and untried systems by hand", () => {
  const [, minutes] = /^deadline_s=\$\(\((\d+) \* 60\)\)$/m.exec(read(".ci/run")) ?? [];
  expect(jobs["everything"]?.["timeout-minutes"]).toBeGreaterThan(Number(minutes));
  const { weekly, everything, ...others } = jobs;
  expect(everything?.if).toBe("github.event_name == 'push' || github.event_name == 'pull_request'");
  expect(weekly?.if).toBe("github.event_name == 'schedule'");
  for (const command of ["test:long", "xtask clients:check"]) expect(text).toMatch(new RegExp(` ${command}$`, "m"));
  // A job is skipped with the jobs that it needs.
  const onPush = Object.entries(others).filter(
    ([, job]) => job.needs === undefined && job.if !== "github.event_name == 'workflow_dispatch'",
  );
  expect(onPush).toEqual([]);
});
