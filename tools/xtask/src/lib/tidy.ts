// Checks the house rules that no other tool knows: import arrows inside a package, the first comment of a file, the size of folders,
// words to avoid, up-to-date documents.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { arrowProblems } from "./arrows.ts";
import { staleDocs } from "./generated-docs.ts";
import { proseProblems } from "./prose.ts";

/** Endings of file names that do not describe the content. */
const emptyNames = /(^|-)(utils?|helpers?|managers?|misc|common|data)\.tsx?$/;
/** git's mark of an unresolved conflict. Compilers do not find marks within string literals. */
const conflictMarker = /^(?:<{7}|>{7}) /m;

/** Ways to skip a test that do not name what the machine lacks. */
const silentSkip = /\b(?:describe|it|test)\.(?:\w+\.)*(?:skip|skipIf|runIf|todo)\b/;

/** Limit for the source files of a folder, and for its tests, so that a reader can survey it. */
const mostFiles = 16;

/** Source files, without tests: the test of this file names made-up decisions. */
const code = /(?<!\.test)\.(?:tsx?|cc|h|ya?ml|sh)$/;
/** Limit for the words of a decision, as `wc -w` counts them. */
const mostDecisionWords = 250;

const proseFolders = ["apps", "bench", "docs", "models", "packages", "packaging", "tests", "tools"];

/** Returns a line for each broken rule, with the path from the root. */
export function tidyProblems(root: string): string[] {
  return [
    ...sourceProblems(root),
    ...proseFiles(root).flatMap((path) => proseProblems(path, text(root, path))),
    ...decisionProblems(
      textsIn(root, ["docs/decisions"], /(?<!README)\.md$/),
      text(root, "docs/decisions/README.md"),
      [...textsIn(root, ["apps", "packages", "packaging", "tools"], code).values()].join(),
    ),
    ...staleDocs().map((path) => `${path}: stale; run pnpm xtask docs`),
  ];
}

function sourceProblems(root: string): string[] {
  const areas = ["apps", "packages", "tools"].flatMap((area) =>
    folders(root, area).map((name) => `${area}/${name}/src`),
  );
  const files = [...areas, "tests", "bench"].flatMap((area) => filesBelow(root, area, /\.tsx?$/));
  return [
    ...files.flatMap((path) => [...fileProblems(path, text(root, path)), ...arrowProblems(path, text(root, path))]),
    ...folderProblems(files),
  ];
}

function proseFiles(root: string): string[] {
  const written = /\.(tsx?|md)$/;
  const atRoot = readdirSync(root, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && written.test(entry.name),
  );
  return [...atRoot.map(({ name }) => name), ...proseFolders.flatMap((folder) => filesBelow(root, folder, written))];
}

/** @param files paths of source files and their tests, relative to the root */
export function folderProblems(files: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const path of files) {
    if (path.endsWith("/index.ts")) continue;
    const kind = /\.test\.tsx?$/.test(path) ? "tests" : "source files";
    const key = `${dirname(path)}: has ${kind}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > mostFiles)
    .map(([key, count]) => `${key.replace(": has", `: has ${count}`)}; divide it, at most ${mostFiles} are allowed`);
}

/** @param pages decisions by their paths, in order @param code all source files: a comment in them has "Decision" and the number of each */
export function decisionProblems(pages: ReadonlyMap<string, string>, index: string, code: string): string[] {
  const list = [...pages].map(([path, page]) => `- [${page.slice(2, page.indexOf("\n"))}](${basename(path)})`);
  const isListed = index.match(/^- .*/gm)?.join() === list.join();
  const problems = [...pages].flatMap(([path, page]) => {
    const [number, words] = [basename(path).slice(0, 3), page.match(/\S+/g)?.length ?? 0];
    return [
      ...(words > mostDecisionWords ? [`${path}: has ${words} words; at most ${mostDecisionWords} are allowed`] : []),
      ...(code.includes(`ecision ${number}`)
        ? []
        : [`${path}: no comment in the code that it guards says "Decision ${number}."`]),
    ];
  });
  return isListed ? problems : ["docs/decisions/README.md: must list each title once, in order", ...problems];
}

export function fileProblems(path: string, source: string): string[] {
  // An index only re-exports, and the name of a test file describes its content.
  const speaksForItself = path.endsWith("/index.ts") || path.endsWith(".test.ts");
  return [
    ...(speaksForItself || /^(#!.*\n)?\/\/ \S/.test(source)
      ? []
      : [`${path}: must open with a comment that says what the file owns`]),
    ...(conflictMarker.test(source) ? [`${path}: has a conflict marker; resolve the conflict`] : []),
    ...(silentSkip.test(source)
      ? [`${path}: skip tests with needs(…) of @waggle/testing, which says what is missing`]
      : []),
    ...(emptyNames.test(path.slice(path.lastIndexOf("/") + 1))
      ? [`${path}: the name does not describe the content`]
      : []),
  ];
}

function filesBelow(root: string, area: string, wanted: RegExp): string[] {
  if (!existsSync(join(root, area))) return [];
  const entries = readdirSync(join(root, area), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = `${area}/${entry.name}`;
    if (entry.isDirectory()) return /^(node_modules|dist|\..*)$/.test(entry.name) ? [] : filesBelow(root, path, wanted);
    return entry.isFile() && wanted.test(entry.name) ? [path] : [];
  });
}

function folders(root: string, area: string): string[] {
  const entries = readdirSync(join(root, area), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function textsIn(root: string, areas: readonly string[], wanted: RegExp): ReadonlyMap<string, string> {
  const paths = areas.flatMap((area) => filesBelow(root, area, wanted)).toSorted();
  return new Map(paths.map((path) => [path, text(root, path)]));
}

function text(root: string, path: string): string {
  return readFileSync(join(root, path), "utf8");
}
