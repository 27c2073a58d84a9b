// Prints at the end of a test run how many tests were skipped, for each thing that is missing, and what to install. See needs.ts.
import type { Reporter, TestCase, TestModule } from "vitest/node";

export function createSkippedReporter(print: (text: string) => void = console.log): Reporter {
  return {
    onTestRunEnd(modules) {
      const lines = skippedLines(modules);
      if (lines.length > 0) print(`\n${lines.join("\n")}\n`);
    },
  };
}

/** A line for each missing thing, the most frequent first. Tests that a filter leaves out need nothing. */
export function skippedLines(modules: readonly Pick<TestModule, "children">[]): string[] {
  const counts = new Map<string, number>();
  for (const { children } of modules) {
    for (const test of children.allTests("skipped")) {
      const missing = missingFor(test);
      if (missing !== undefined) counts.set(missing, (counts.get(missing) ?? 0) + 1);
    }
  }
  const most = Math.max(0, ...counts.values());
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([missing, count]) => {
      const tests = count === 1 ? "test needs" : "tests need";
      return ` Skipped  ${String(count).padStart(String(most).length)} ${tests} ${missing}`;
    });
}

/** A test that finds out itself what is missing skips itself with a note. */
function missingFor(test: TestCase): string | undefined {
  const result = test.result();
  return test.meta().missing ?? (result.state === "skipped" ? result.note : undefined);
}
