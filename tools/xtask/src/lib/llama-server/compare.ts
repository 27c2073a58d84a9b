// Owns the comparison of a worker with llama-server: each case put to both, what came otherwise than expected, and what differs.
import { askCase, differencesOf, problemsOf, type Difference, type LlamaServerCase } from "@waggle/harness";

export interface CaseResult {
  readonly name: string;
  /** What is not as expected, and of which of the two. */
  readonly problems: readonly string[];
  readonly differences: readonly Difference[];
}

/** @param theirs undefined: the worker alone is held to what is expected */
export async function compareServers(
  cases: readonly LlamaServerCase[],
  ours: string,
  theirs: string | undefined,
  onCase: (result: CaseResult) => void,
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const each of cases) {
    const mine = await askCase(ours, each);
    const others = theirs === undefined ? undefined : await askCase(theirs, each);
    const problems = [
      ...problemsOf(mine, each.otherwise?.expect ?? each.expect).map((problem) => `waggle: ${problem}`),
      ...(others === undefined ? [] : problemsOf(others, each.expect).map((problem) => `llama-server: ${problem}`)),
    ];
    const differences = others === undefined ? [] : differencesOf(mine, others, each.otherwise?.why);
    const result = { name: each.name, problems, differences };
    results.push(result);
    onCase(result);
  }
  return results;
}

/** Paths that differ for one reason, wherever they stand. */
export interface DifferenceGroup {
  readonly why: string | undefined;
  readonly paths: readonly string[];
  readonly cases: number;
}

/** By their reasons; those without one first, a group for each path. */
export function groupDifferences(results: readonly CaseResult[]): DifferenceGroup[] {
  const groups = new Map<string, { why: string | undefined; paths: Set<string>; cases: Set<string> }>();
  for (const { name, differences } of results) {
    for (const { path, why } of differences) {
      const bare = path.replace(/^(first|last|\d+)\//, "").replaceAll(/\/\d+(?=\/|$)/g, "/*");
      const key = why ?? bare;
      const group = groups.get(key) ?? { why, paths: new Set(), cases: new Set() };
      group.paths.add(bare);
      group.cases.add(name);
      groups.set(key, group);
    }
  }
  return [...groups.values()]
    .map(({ why, paths, cases }) => ({ why, paths: [...paths].toSorted(), cases: cases.size }))
    .toSorted((a, b) => Number(a.why !== undefined) - Number(b.why !== undefined));
}
