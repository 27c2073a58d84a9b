// Compares the workflow file with the repository, because the workflow does not run here.
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { repositoryPath } from "@waggle/testing/harness";
import { commandTable } from "../../commands.ts";
import { engineBinaryFor } from "./engine-binary.ts";

interface Job {
  readonly env?: { readonly ENGINE?: string };
  readonly steps: readonly { readonly run?: string }[];
}

const read = (path: string): string => readFileSync(repositoryPath(path), "utf8");
const { jobs } = parse(read(".github/workflows/ci.yaml")) as { readonly jobs: Readonly<Record<string, Job>> };
const text = Object.values(jobs)
  .flatMap(({ steps }) => steps.map(({ run = "" }) => run))
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

it("installs the engine of each system in the version of the catalog", () => {
  const version = /^ +node-llama-cpp: (\d\S+)/m.exec(read("pnpm-workspace.yaml"))?.[1];
  const engineOf = (os: string, cpu: string): string => `${engineBinaryFor(os, cpu).name}@${version}`;
  expect(`@node-llama-cpp/${jobs["macos"]?.env?.ENGINE}`).toBe(engineOf("darwin", "arm64"));
  expect(`@node-llama-cpp/${jobs["windows"]?.env?.ENGINE}`).toBe(engineOf("win32", "x64"));
});
