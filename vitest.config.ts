// Owns how the tests run. Tests of `packages`, `apps` and `tools` are next to the code; each folder of `tests` is a project, so that the place of a
// test decides how it runs. WAGGLE_LONG=1 makes some of them long: `pnpm test:long`.
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { budgetsOf } from "./packages/testing/src/budgets.ts";
import { createSkippedReporter } from "./packages/testing/src/skipped-reporter.ts";
import { createTimeReporter } from "./packages/testing/src/time-reporter.ts";

const isLong = process.env["WAGGLE_LONG"] === "1";
const budgets = budgetsOf(process.env);
if (isLong) process.stdout.write(`WAGGLE_LONG=1 WAGGLE_PROPERTY_SEED=${budgets.seed} repeats the random numbers.\n`);

// A test waits for events, so its time limit only ends one that hangs. On a machine with other work a test takes ten times as long as usual.
const limits = {
  testTimeout: (isLong ? 180 : 5) * 60_000,
  hookTimeout: 300_000,
  expect: { poll: { timeout: 60_000, interval: 10 } },
};

// A machine that counts tests names a file for the report.
const report = process.env["WAGGLE_TEST_REPORT"];

/** The files of a process import everything once, which takes a third less time. They share its usual workers and its browser. */
const forks = {
  pool: "forks" as const,
  // With all cores in use, threads that collect garbage only wait for each other.
  execArgv: ["--single-threaded-gc", "--max-semi-space-size=32"],
  isolate: false,
  setupFiles: ["vitest.setup.ts"],
};
const moreThanCores = { maxWorkers: Math.ceil(availableParallelism() * 1.5) };

interface Shelf {
  readonly folders: readonly string[];
  readonly globalSetup?: readonly string[];
  readonly maxWorkers?: number | string;
  readonly fileParallelism?: boolean;
}

/** The folders of `tests`, in the order in which they run. The folders of a row run together. */
const shelves: readonly Shelf[] = [
  // These time nothing, and wait for their daemons half of the time.
  { folders: ["clients", "http", "programs", "fleet", "models"], ...moreThanCores },
  // Real daemons compete for the cores they are timed on: one file at a time, and after the others.
  { folders: ["timed"], fileParallelism: false },
  // Everything that a fault, a hostile client or a cheating worker can do: one row of each kind, and all rows in a long run. They time nothing, and
  // wait for their daemons half of the time.
  { folders: ["faults", "attacks"], ...moreThanCores },
  // The pages in a real browser, served by real daemons. They time nothing, and wait for their pages most of the time.
  { folders: ["browser"], ...moreThanCores, globalSetup: ["tests/support/build-pages.ts"] },
];

export default defineConfig({
  test: {
    provide: { ...budgets },
    globalSetup: ["tests/support/temporary-folder.ts"],
    // Projects import the same sources. This transforms each once, and keeps it for the next run in this folder.
    experimental: { fsModuleCache: true },
    reporters: [
      "default",
      createSkippedReporter(),
      ...(process.env["WAGGLE_TEST_TIMES"] === undefined ? [] : [createTimeReporter()]),
      ...(report === undefined ? [] : [["json", { outputFile: report }] as ["json", { outputFile: string }]]),
    ],
    projects: [
      {
        test: {
          name: "unit",
          ...forks,
          globalSetup: ["tests/support/build-missing-pages.ts"],
          include: ["{apps,packages,tools}/*/src/**/*.test.ts", "bench/**/*.test.ts"],
          ...moreThanCores,
          ...limits,
          sequence: { groupOrder: 0 },
        },
      },
      ...shelves.flatMap(({ folders, globalSetup = [], ...parallel }, index) =>
        folders.map((name) => ({
          test: {
            name,
            ...forks,
            include: [`tests/${name}/**/*.test.ts`],
            // Daemons start from a build twice as fast as from source.
            globalSetup: ["tests/support/build-daemons.ts", ...globalSetup],
            env: { WAGGLE_DAEMONS: "build" },
            ...parallel,
            ...limits,
            sequence: { groupOrder: 1 + index },
          },
        })),
      ),
      {
        test: {
          name: "templates",
          pool: "forks",
          include: ["packages/chat-format/src/testing/template/*.compare.ts"],
          ...limits,
          sequence: { groupOrder: 1 + shelves.length },
        },
      },
    ],
  },
});
