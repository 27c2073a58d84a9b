// Checks the house rules that no other tool knows: import arrows inside a package, the first comment of a file, the size of folders,
// words to avoid, up-to-date documents.
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { arrowProblems } from "./arrows.ts";
import { chanceProblems } from "./chance-in-tests.ts";
import { staleDocs } from "./generated-docs.ts";
import { hasProse, proseProblems } from "./prose.ts";
import { filesBelow } from "./sizes.ts";

/** Endings of file names that do not describe the content. */
const emptyNames = /(^|-)(utils?|helpers?|managers?|misc|common|data)\.tsx?$/;
/** git's mark of an unresolved conflict. Compilers do not find marks within string literals. */
const conflictMarker = /^(?:<{7}|>{7}) /m;

/** Limit for the source files of a folder, and for its tests, so that a reader can survey it. */
const mostFiles = 16;

/** Source files, without tests: the test of this file names made-up decisions. */
const code = /^(?:apps|packages|packaging|tools)\/.*(?<!\.test)\.(?:tsx?|cc|h|ya?ml|sh)$/;
const decision = /^docs\/decisions\/(?!README).*\.md$/;
/** Limit for the words of a decision, as `wc -w` counts them. */
const mostDecisionWords = 350;

const sourceFile = /^(?:(?:apps|packages|tools)\/[^/]+\/src|tests|bench)\/.*\.tsx?$/;

/** Returns a line for each broken rule, with the path from the root. */
export function tidyProblems(root: string): string[] {
  const files = filesBelow(root, "").toSorted();
  const sources = files.filter((path) => sourceFile.test(path));
  return [
    ...sources.flatMap((path) => [...fileProblems(path, text(root, path)), ...arrowProblems(path, text(root, path))]),
    ...folderProblems(sources),
    ...chanceProblems(root, files),
    ...files.filter(hasProse).flatMap((path) => proseProblems(path, text(root, path))),
    ...decisionProblems(
      new Map(files.filter((path) => decision.test(path)).map((path) => [path, text(root, path)])),
      text(root, "docs/decisions/README.md"),
      files
        .filter((path) => code.test(path))
        .map((path) => text(root, path))
        .join(),
    ),
    ...staleDocs().map((path) => `${path}: stale; run pnpm xtask docs`),
  ];
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
    ...(emptyNames.test(path.slice(path.lastIndexOf("/") + 1))
      ? [`${path}: the name does not describe the content`]
      : []),
  ];
}

function text(root: string, path: string): string {
  return readFileSync(join(root, path), "utf8");
}
