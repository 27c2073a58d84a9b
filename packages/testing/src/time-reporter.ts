// Prints at the end of a test run where its time went: the sum of each project, and the files that took longest. For `pnpm test:times`.
import type { Reporter, TestModule } from "vitest/node";

type TimedModule = Pick<TestModule, "relativeModuleId" | "diagnostic"> & {
  readonly project: Pick<TestModule["project"], "name">;
};

const shownFiles = 10;

export function createTimeReporter(print: (text: string) => void = console.log): Reporter {
  return {
    onTestRunEnd(modules) {
      print(`\n${timeLines(modules).join("\n")}\n`);
    },
  };
}

/** Seconds of files are of loading and of tests. Files run at the same time, so they take longer together than the run. */
function timeLines(modules: readonly TimedModule[]): string[] {
  const files = modules.map((module) => {
    const { collectDuration, duration } = module.diagnostic();
    return {
      project: module.project.name,
      path: module.relativeModuleId,
      seconds: (collectDuration + duration) / 1_000,
    };
  });
  const projects = [...new Set(files.map(({ project }) => project))].map((name) => {
    const own = files.filter(({ project }) => project === name);
    return { text: `${name}, files: ${own.length}`, seconds: own.reduce((sum, { seconds }) => sum + seconds, 0) };
  });
  const slowest = files
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, shownFiles)
    .map(({ path, seconds }) => ({ text: path, seconds }));
  return [...projects, ...slowest].map(({ text, seconds }) => ` Time  ${seconds.toFixed(1).padStart(7)} s  ${text}`);
}
