// Compares the lockfile with the security advisories in `.ci/advisories.json`: those that concern a dependency which an affected version could join.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Versions from `from` on, and before `before`, are affected. */
export interface Advisory {
  readonly package: string;
  readonly from: string;
  readonly before: string;
  readonly advisory: string;
  /** Why it concerns this repository. */
  readonly why: string;
}

const listFile = ".ci/advisories.json";

/** A line for each affected package in the lockfile. */
export function advisoryProblems(root: string): string[] {
  const list = JSON.parse(readFileSync(join(root, listFile), "utf8")) as readonly Advisory[];
  return affectedIn(readFileSync(join(root, "pnpm-lock.yaml"), "utf8"), list);
}

export function affectedIn(lockfile: string, list: readonly Advisory[]): string[] {
  const [, packages = ""] = /^packages:\n((?: .*\n|\n)*)/m.exec(lockfile) ?? [];
  const locked = Array.from(packages.matchAll(/^ {2}'?(@?[^@\s]+)@(\d[^':\s]*)'?:/gm), ([, name, version = ""]) => ({
    name,
    version,
  }));
  if (locked.length === 0) return ["pnpm-lock.yaml: no packages found, so no advisory was compared"];
  return locked.flatMap(({ name, version }) =>
    list
      .filter((one) => one.package === name && !isBefore(version, one.from) && isBefore(version, one.before))
      .map(
        ({ from, before, advisory, why }) =>
          `${name} ${version}: ${advisory} affects ${from} and later, before ${before}. ${why} Choose another version in pnpm-workspace.yaml.`,
      ),
  );
}

function isBefore(one: string, other: string): boolean {
  const [left, right] = [numbersOf(one), numbersOf(other)];
  const at = left.findIndex((number, index) => number !== right[index]);
  return at !== -1 && (left[at] as number) < (right[at] as number);
}

/** A pre-release comes before its release; the pre-releases of one version count as equal. */
function numbersOf(version: string): readonly number[] {
  const [release = "", pre] = version.split("+", 1)[0]?.split(/-(.*)/s) ?? [];
  const numbers = release.split(".").map(Number);
  if (numbers.length !== 3 || numbers.some(Number.isNaN)) {
    throw new Error(`Cannot compare version ${version} with an advisory: it is not three numbers`);
  }
  return [...numbers, pre === undefined ? 1 : 0];
}
