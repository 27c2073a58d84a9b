// Owns the rules of the house that no other tool knows: READMEs of one shape, files that open with what they own, fresh documents.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { staleDocs } from "./generated-docs.ts";

const readmeHeadings = ["## Use", "## Limits", "## Not for"];
/** The last words of a file name that say nothing about what is in it. */
const emptyNames = /(^|-)(utils?|helpers?|managers?|misc|common|data)\.tsx?$/;
/** As git leaves it in a file that it could not merge; within a text no compiler finds it. */
const conflictMarker = /^(?:<{7}|>{7}) /m;

/** One line for each thing that is not tidy, with its path from the root. */
export function tidyProblems(root: string): string[] {
  return [
    ...packageProblems(root),
    ...sourceProblems(root),
    ...decisionProblems(readdirSync(join(root, "docs/decisions")), text(root, "docs/decisions/README.md")),
    ...staleDocs().map((path) => `${path}: stale; run pnpm xtask docs`),
  ];
}

function packageProblems(root: string): string[] {
  return folders(root, "packages").flatMap((name) => {
    const readme = `packages/${name}/README.md`;
    const index = `packages/${name}/src/index.ts`;
    const tsconfig = `packages/${name}/tsconfig.json`;
    return [
      ...(existsSync(join(root, readme)) ? readmeProblems(readme, text(root, readme), name) : [`${readme}: missing`]),
      ...(existsSync(join(root, index)) ? indexProblems(index, text(root, index)) : [`${index}: missing`]),
      // An editor and the linter take the nearest tsconfig.json; only the root's resolves packages to their source.
      ...(existsSync(join(root, tsconfig)) ? [`${tsconfig}: call it tsconfig.build.json`] : []),
    ];
  });
}

export function readmeProblems(path: string, readme: string, name: string): string[] {
  const headings = readme.split("\n").filter((line) => /^#{1,2} /.test(line));
  const expected = [`# @waggle/${name}`, ...readmeHeadings];
  if (headings.join("\n") !== expected.join("\n")) return [`${path}: its headings must be ${expected.join(", ")}`];
  const use = readme.slice(readme.indexOf("## Use"), readme.indexOf("## Limits"));
  return use.split("```ts").length === 2 ? [] : [`${path}: "Use" must hold one TypeScript snippet`];
}

export function indexProblems(path: string, index: string): string[] {
  const rest = index
    .replaceAll(/^\/\/.*$/gm, "")
    .replaceAll(/export (type )?(\*|\{[^}]*\}) from "\.\/lib\/[^"]+";/g, "");
  return rest.trim() === "" ? [] : [`${path}: an index only re-exports from ./lib/`];
}

function sourceProblems(root: string): string[] {
  const areas = ["apps", "packages", "tools"].flatMap((area) =>
    folders(root, area).map((name) => `${area}/${name}/src`),
  );
  return [...areas, "tests", "bench"]
    .flatMap((area) => sourceFiles(root, area))
    .flatMap((path) => fileProblems(path, text(root, path)));
}

export function decisionProblems(files: readonly string[], index: string): string[] {
  const listed = Array.from(index.matchAll(/^\| \[\d+\]\((.+?)\)/gm), ([, file]) => file);
  const due = files.filter((file) => file !== "README.md").toSorted();
  return listed.join() === due.join() ? [] : ["docs/decisions/README.md: must list each decision once, in order"];
}

export function fileProblems(path: string, source: string): string[] {
  // An index only re-exports, and a test's own name says what it is about.
  const speaksForItself = path.endsWith("/src/index.ts") || path.endsWith(".test.ts");
  return [
    ...(speaksForItself || /^(#!.*\n)?\/\/ \S/.test(source)
      ? []
      : [`${path}: does not open with a comment that says what it owns`]),
    ...(conflictMarker.test(source) ? [`${path}: a conflict of two branches is left in it`] : []),
    ...(emptyNames.test(path.slice(path.lastIndexOf("/") + 1)) ? [`${path}: this name says nothing`] : []),
  ];
}

function sourceFiles(root: string, area: string): string[] {
  if (!existsSync(join(root, area))) return [];
  const entries = readdirSync(join(root, area), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = `${area}/${entry.name}`;
    if (entry.isDirectory()) return ["node_modules", "dist"].includes(entry.name) ? [] : sourceFiles(root, path);
    return /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

function folders(root: string, area: string): string[] {
  const entries = readdirSync(join(root, area), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function text(root: string, path: string): string {
  return readFileSync(join(root, path), "utf8");
}
