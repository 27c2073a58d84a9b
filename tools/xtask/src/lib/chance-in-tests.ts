// Owns the rule that chance decides no test. `.ci/chance.json` has the patterns that turn a test red on a busy machine, each with the files that
// still have it. The list only gets shorter.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const chanceFile = ".ci/chance.json";

export type Chances = Readonly<Record<string, { pattern: string; instead: string; files: readonly string[] }>>;

/** Tests, and what only tests use. The test of this file has examples. */
const testCode =
  /^(?:apps|packages|tools)\/.*(?:(?<!chance-in-tests)\.test\.tsx?|-contract\.ts|\/src\/(?:.*\/)?testing\/.*\.tsx?)$|^tests\/.*\.tsx?$/;

/** @param files paths relative to the root */
export function chanceProblems(root: string, files: readonly string[]): string[] {
  const read = (path: string): string => readFileSync(join(root, path), "utf8");
  const texts = files.filter((path) => testCode.test(path)).map((path) => [path, read(path)] as const);
  return compareChance(new Map(texts), JSON.parse(read(chanceFile)) as Chances);
}

/** @param texts of tests, by path */
export function compareChance(texts: ReadonlyMap<string, string>, chances: Chances): string[] {
  return Object.entries(chances).flatMap(([kind, { pattern, instead, files }]) => {
    const has = (path: string): boolean => new RegExp(pattern, "m").test(texts.get(path) ?? "");
    return [
      ...[...texts.keys()]
        .filter((path) => has(path) && !files.includes(path))
        .map((path) => `${path}: a test must not have a ${kind}: ${instead}`),
      ...files
        .filter((path) => !has(path))
        .map((path) => `${chanceFile}: ${path} has no ${kind} any more; delete the entry`),
    ];
  });
}
