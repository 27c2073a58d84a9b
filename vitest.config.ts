// Owns how the tests run: `unit` beside the code, in parallel; `process` across real daemons, one file at a time; `browser` likewise;
// `templates` beside Python's Jinja.
import { defineConfig } from "vitest/config";

// Workspace packages resolve to their TypeScript source, so that no test ever runs against a stale build.
const resolve = { conditions: ["waggle-source"] };
const ssr = { resolve: { conditions: ["waggle-source"], externalConditions: ["waggle-source"] } };

// A machine that counts tests names a file for the report.
const report = process.env["WAGGLE_TEST_REPORT"];

export default defineConfig({
  test: {
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: "unit",
          pool: "forks",
          setupFiles: ["vitest.setup.ts"],
          include: ["apps/*/src/**/*.test.ts", "packages/*/src/**/*.test.ts", "tools/*/src/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**", "**/main.test.ts"],
          testTimeout: 20_000,
          hookTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: "process",
          pool: "forks",
          setupFiles: ["vitest.setup.ts"],
          // Real daemons compete for the cores they are timed on: one file at a time, and after the unit tests.
          include: ["tests/**/*.test.ts", "{apps,tools}/*/src/**/main.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**", "tests/browser/**"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: "browser",
          pool: "forks",
          // The pages in a real browser, served by real daemons.
          include: ["tests/browser/**/*.test.ts"],
          globalSetup: ["tests/browser/support/build-pages.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: "templates",
          pool: "forks",
          include: ["packages/chat-template/src/testing/*.compare.ts"],
          testTimeout: 120_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
