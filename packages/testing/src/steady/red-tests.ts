// Owns the reading of vitest's JSON reports: which tests were red, how often, and with which seed first.
import { relative } from "node:path";
import type { JsonTestResults } from "vitest/node";

export type TestFiles = JsonTestResults["testResults"];

export interface RedTest {
  readonly seed: number;
  /** Path from the root; empty for a run that names no test. */
  readonly file: string;
  readonly name: string;
  readonly message: string;
}

/** @param files undefined without a report @param failure how vitest ended if its exit code is not 0 */
export function redTestsOf(root: string, seed: number, files: TestFiles | undefined, failure?: string): RedTest[] {
  const red = (files ?? []).flatMap(({ name: path, status, message, assertionResults }) => {
    const file = relative(root, path);
    const tests = assertionResults
      .filter((test) => test.status === "failed")
      .map(({ ancestorTitles: titles, title, failureMessages }) => {
        const name = [...titles, title].filter((part) => part !== "").join(" > ");
        const lines = (failureMessages ?? []).join("\n").split("\n");
        const told = lines.filter((line) => !/^\s*(?:at .*)?$/.test(line)).slice(0, 6);
        return { seed, file, name, message: told.join("\n").slice(0, 1_000) };
      });
    return status === "passed" || tests.length > 0 ? tests : [{ seed, file, name: "the file", message }];
  });
  const silent = red.length === 0 && (files === undefined || failure !== undefined);
  return silent ? [{ seed, file: "", name: "the run", message: failure ?? "vitest wrote no report" }] : red;
}

/** Each test that was ever red, the most frequent first, as it was the first time. */
export function everRed(all: readonly RedTest[]): (RedTest & { readonly times: number })[] {
  const alike = (test: RedTest): RedTest[] => all.filter(({ file, name }) => file === test.file && name === test.name);
  const firsts = all.filter((test) => alike(test)[0] === test);
  return firsts.map((test) => ({ ...test, times: alike(test).length })).toSorted((a, b) => b.times - a.times);
}
