// Compares the workflow file with the repository, because the workflow does not run here.
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Command } from "commander";
import { parse } from "yaml";
import { repositoryPath } from "@waggle/testing/harness";
import { commandTable } from "../../commands.ts";
import { addonsFolder } from "../build/addon-file.ts";
import { engineBinaryFor } from "../build/engine-binary.ts";

interface Job {
  readonly env?: { readonly ENGINE?: string };
  readonly strategy?: {
    readonly matrix: { readonly include?: readonly { readonly arch: string; readonly engine: string }[] };
  };
  readonly steps: readonly {
    readonly run?: string;
    readonly uses?: string;
    readonly with?: { readonly path: string };
  }[];
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

const version = /^ +node-llama-cpp: (\d\S+)/m.exec(read("pnpm-workspace.yaml"))?.[1];
const engineOf = (os: string, cpu: string): string => `${engineBinaryFor(os, cpu).name}@${version}`;

it("installs the engine of each system in the version of the catalog", () => {
  expect(`@node-llama-cpp/${jobs["macos"]?.env?.ENGINE}`).toBe(engineOf("darwin", "arm64"));
  expect(`@node-llama-cpp/${jobs["windows"]?.env?.ENGINE}`).toBe(engineOf("win32", "x64"));
});

it("compiles the addon on every system that has one, and packs all of them", async () => {
  const rows = jobs["addon-macos"]?.strategy?.matrix.include ?? [];
  expect(rows.map(({ arch, engine }) => [arch, `@node-llama-cpp/${engine}`])).toEqual(
    ["arm64", "x64"].map((arch) => [arch, engineOf("darwin", arch)]),
  );
  expect(jobs["addon-linux"]?.strategy?.matrix.include?.map(({ arch }) => arch)).toEqual(["x64", "arm64"]);
  for (const name of ["addon-linux", "addon-macos"]) {
    const steps = jobs[name]?.steps ?? [];
    expect(steps.some(({ run }) => run?.endsWith("xtask engine:build --portable"))).toBe(true);
    expect(steps.at(-1)?.with?.path).toBe(addonsFolder);
  }
  for (const name of ["package", "container"]) {
    const { steps = [] } = jobs[name] ?? {};
    const folder = steps.find(({ uses }) => uses?.startsWith("actions/download-artifact@"))?.with?.path;
    expect(folder).toBe("addons");
    expect(steps.some(({ run }) => /xtask pack .*--addons addons$/.test(run ?? ""))).toBe(true);
  }
  const flags = async (command: "engine:build" | "pack"): Promise<unknown[]> => {
    const program = new Command();
    (await commandTable.commands[command]?.load())?.(program);
    return program.options.map(({ long }) => long);
  };
  expect(await flags("engine:build")).toContain("--portable");
  expect(await flags("pack")).toEqual(expect.arrayContaining(["--addons", "--engine"]));
});
