// Owns the comparison of a worker with llama-server: sends a case to both, and reports unexpected values and the reasons of differences.
import { markdownTable } from "@waggle/testing/harness";
import { askCase } from "./ask-case.ts";
import type { LlamaServerCase } from "./cases.ts";
import { differencesOf, type Difference } from "./differences.ts";
import { problemsOf } from "./expectations.ts";

export interface CaseResult {
  readonly name: string;
  /** Unexpected values, each with the name of the server, and differences without a reason. */
  readonly problems: readonly string[];
  readonly differences: readonly Difference[];
}

/** @param theirs address of the llama-server; if undefined, only the worker's answer is checked */
export async function compareServers(
  each: LlamaServerCase,
  ours: string,
  theirs: string | undefined,
): Promise<CaseResult> {
  const mine = await askCase(ours, each);
  const others = theirs === undefined ? undefined : await askCase(theirs, each);
  const differences = others === undefined ? [] : differencesOf(mine, others, each.otherwise?.why);
  const problems = [
    ...problemsOf(mine, each.otherwise?.expect ?? each.expect).map((problem) => `waggle: ${problem}`),
    ...(others === undefined ? [] : problemsOf(others, each.expect).map((problem) => `llama-server: ${problem}`)),
    ...differences.flatMap(({ path, ours: own, theirs: other, why }) =>
      why === undefined ? [`${path}: waggle ${shown(own)}, llama-server ${shown(other)}`] : [],
    ),
  ];
  return { name: each.name, problems, differences };
}

/** Paths that the table lists for a reason; further paths are only counted. */
const shownPaths = 8;

/** A table with a row for each reason: the paths that differ, without the frame or the index of the answer, and the number of cases. */
export function tableOf(results: readonly CaseResult[]): string {
  const groups = new Map<string, { paths: Set<string>; cases: Set<string> }>();
  for (const { name, differences } of results) {
    for (const { path, why } of differences) {
      if (why === undefined) continue;
      const group = groups.get(why) ?? { paths: new Set(), cases: new Set() };
      groups.set(why, group);
      group.paths.add(path.replace(/^(first|last|\d+)\//, "").replaceAll(/\/\d+(?=\/|$)/g, "/*"));
      group.cases.add(name);
    }
  }
  const rows = [...groups].map(([why, { paths, cases }]) => {
    const sorted = [...paths].toSorted();
    const rest = sorted.length - shownPaths;
    const listed = sorted.slice(0, shownPaths).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
    return [listed, String(cases.size), why];
  });
  return markdownTable(["differs", "cases", "reason"], rows);
}

function shown(value: unknown): string {
  return value === undefined ? "has none" : JSON.stringify(value);
}
