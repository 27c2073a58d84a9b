// Counts what the repository has, and compares the counts with the limits in `.ci/limits.json`, which only fall.
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { commandTable, daemonTable } from "@waggle/cli/command-table";
import type { OptionRow } from "@waggle/daemon";
import { gatewayOptions } from "@waggle/gateway/settings";
import { hiveOptions } from "@waggle/mock-hive/settings";
import type { CommandTable } from "@waggle/testing/harness";
import { optionTable } from "@waggle/worker/settings";
import { commandTable as xtaskTable } from "../commands.ts";

/** Counts by their name. */
export type Sizes = Readonly<Record<string, number>>;

const limitsFile = ".ci/limits.json";
const code = /\.(?:ts|tsx|js|css|cc|h)$/;
/** What tests and benchmarks use. */
const helpers =
  /^(?:tests|bench)\/|^packages\/(?:testing|synth)\/|\/src\/(?:.*\/)?testing\/|\/broker\/model\/|\.compare\.ts$/;
const tests = /\.test\.tsx?$/;
/** JSON that no test reads: settings of tools, packages and checks, and files that are shipped. All other JSON counts as fixtures. */
const settings = /^[^/]+$|^\.ci\/|^packaging\/|\/(?:package|turbo|tsconfig)\.json$/;
const skippedFolders = /^(?:node_modules|dist|coverage|\.waggle|\.turbo|\.git|\.venv)$/;
/** The files that a newcomer reads, and the page that names them. */
const tourPage = "docs/tour.md";
const tourFile = /\]\(\.\.\/([^)#]+\.ts)\)/g;
/** What `docs` writes into hand-written pages. */
const generatedBlock = /<!-- generated[\s\S]*?<!-- end/g;

/** A line for each count above its limit, and for each limit above that of an earlier commit. */
export function sizeProblems(root: string): string[] {
  const limits = JSON.parse(text(root, limitsFile)) as Sizes;
  // Before a commit, the limits of the last one are the earlier ones; after it, those of its parent.
  const raised = ["HEAD", "HEAD^"].flatMap((commit) => raisedLimits(limits, limitsOf(root, commit)));
  return [...new Set(raised), ...aboveLimits(countSizes(root), limits)];
}

/** Empty without git, and for a commit that is not there. */
function limitsOf(root: string, commit: string): Sizes {
  const { status, stdout } = spawnSync("git", ["show", `${commit}:${limitsFile}`], { cwd: root, encoding: "utf8" });
  return status === 0 ? (JSON.parse(stdout) as Sizes) : {};
}

export function raisedLimits(limits: Sizes, before: Sizes): string[] {
  return Object.entries(limits)
    .filter(([name, limit]) => limit > (before[name] ?? Infinity))
    .map(([name, limit]) => `${limitsFile}: "${name}" rises from ${before[name]} to ${limit}; limits only fall`);
}

export function aboveLimits(sizes: Sizes, limits: Sizes): string[] {
  const unmatched = [...Object.keys(sizes), ...Object.keys(limits)].filter(
    (name) => !(name in sizes && name in limits),
  );
  const above = Object.entries(sizes).filter(([name, size]) => size > (limits[name] ?? Infinity));
  return [
    ...unmatched.map((name) => `${limitsFile}: "${name}" is not both a count and a limit`),
    ...above.map(([name, size]) => `${name}: ${size} of at most ${limits[name]}. Take something out.`),
  ];
}

export function countSizes(root: string): Sizes {
  const files = filesBelow(root, "");
  const source = files.filter((path) => code.test(path));
  const lines = (paths: readonly string[]): number =>
    paths.reduce((sum, path) => sum + (text(root, path).match(/\n/g)?.length ?? 0), 0);
  const flags = [optionTable, gatewayOptions, hiveOptions].flatMap((table) => Object.values<OptionRow>(table));
  const [workspace, lockfile] = [text(root, "pnpm-workspace.yaml"), text(root, "pnpm-lock.yaml")];
  const tour = Array.from(text(root, tourPage).matchAll(tourFile), ([, path = ""]) => path);
  return {
    "files of the tour": tour.length,
    "lines of the tour's files": lines(tour),
    "lines of the product": lines(source.filter((path) => !tests.test(path) && !helpers.test(path))),
    "lines of tests": lines(source.filter((path) => tests.test(path))),
    "lines of test helpers and benchmarks": lines(source.filter((path) => !tests.test(path) && helpers.test(path))),
    "lines of JSON fixtures": lines(files.filter((path) => path.endsWith(".json") && !settings.test(path))),
    "words of Markdown": files
      .filter((path) => path.endsWith(".md"))
      .reduce((sum, path) => sum + wordsIn(text(root, path)), 0),
    "flags of the daemons": new Set(flags.map(({ flag }) => flag)).size,
    "commands of waggle and xtask": commandTable.length + daemonTable.length + commandsIn(xtaskTable.commands),
    "dependencies in the catalog": entriesOf(workspace, "catalog"),
    "packages in the lockfile": entriesOf(lockfile, "packages"),
  };
}

/** The commands that run, with those below others. */
function commandsIn(rows: CommandTable["commands"]): number {
  return Object.values(rows).reduce((sum, { load, parts = {} }) => sum + (load ? 1 : 0) + commandsIn(parts), 0);
}

function wordsIn(page: string): number {
  return page.replaceAll(generatedBlock, "").match(/\S+/g)?.length ?? 0;
}

/** The number of keys with an indentation of two in a top-level block of a YAML file. */
function entriesOf(yaml: string, block: string): number {
  const [, body = ""] = new RegExp(`^${block}:\\n((?:[ #].*\\n|\\n)*)`, "m").exec(yaml) ?? [];
  return body.match(/^ {2}[^\s#].*:/gm)?.length ?? 0;
}

/** @returns paths from the root */
export function filesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return skippedFolders.test(entry.name) ? [] : filesBelow(root, path);
    return entry.isFile() ? [path] : [];
  });
}

function text(root: string, path: string): string {
  return readFileSync(join(root, path), "utf8");
}
