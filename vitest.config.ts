// Owns how the tests run: `unit` next to the code and `daemons` across real daemons, in parallel; `process` across daemons that are timed, one
// file at a time; `faults` two files at a time; `attacks` one at a time; `browser` in a real browser; `templates` compared with Python's Jinja.
// WAGGLE_LONG=1 makes faults, attacks, several models, formats and the context pool long: `pnpm test:long`.
import { defineConfig } from "vitest/config";
import { createSkippedReporter } from "./packages/testing/src/skipped-reporter.ts";

// A test waits for events, so its time limit only ends one that hangs. On a machine with other work a test takes ten times as long as usual.
const limits = { testTimeout: 300_000, hookTimeout: 300_000, expect: { poll: { timeout: 60_000, interval: 10 } } };

// A machine that counts tests names a file for the report.
const report = process.env["WAGGLE_TEST_REPORT"];

/** Vitest leaves a core free for itself, which on two cores is half of the time. */
const allCores = "100%";
/** These time nothing, and wait for their daemons half of the time. */
const untimed = [
  "tests/chat-requests.test.ts",
  "tests/client-package.test.ts",
  "tests/*-clients.test.ts",
  "tests/collected-cancel.test.ts",
  "tests/command-line.test.ts",
  "tests/context-pool.test.ts",
  "tests/early-signals.test.ts",
  "tests/embeddings-rerank.test.ts",
  "tests/engine-process.test.ts",
  "tests/gateway.test.ts",
  "tests/fleet-permissions.test.ts",
  "tests/formats.test.ts",
  "tests/gpu-add.test.ts",
  "tests/history.test.ts",
  "tests/hive-network.test.ts",
  "tests/llama-server.test.ts",
  "tests/malformed.test.ts",
  "tests/mcp*.test.ts",
  "tests/mistakes.test.ts",
  "tests/model-download.test.ts",
  "tests/not-loaded.test.ts",
  "tests/openai-*.test.ts",
  "tests/prefix-store.test.ts",
  "tests/retries.test.ts",
  "tests/several-models.test.ts",
  "tests/stream-facts.test.ts",
  "tests/traces.test.ts",
  // Replaces modules, which works only where no other test file has loaded them.
  "apps/worker/src/process/daemon-start.test.ts",
  "bench/worker.test.ts",
];

/** What takes minutes by its nature: everything that a fault, a hostile client or a cheating worker can do. */
const attacks = [
  "tests/fleet-faults.test.ts",
  "tests/hostile.test.ts",
  "tests/hostile-pictures.test.ts",
  "tests/worker-test.test.ts",
];
const faults = "tests/faults/*.test.ts";
/** Of what tests and benchmarks have next to them: no daemon. */
const unitTestsOfTests = ["tests/{faults/lib,hostile,llama-server,several-models}/*.test.ts", "bench/*/*.test.ts"];

/** Daemons start from a build twice as fast as from source. */
const builtDaemons = { globalSetup: ["tests/support/build-daemons.ts"], env: { WAGGLE_DAEMONS: "build" } };

export default defineConfig({
  test: {
    globalSetup: ["tests/support/temporary-folder.ts"],
    reporters: [
      "default",
      createSkippedReporter(),
      ...(report === undefined ? [] : [["json", { outputFile: report }] as ["json", { outputFile: string }]]),
    ],
    projects: [
      {
        test: {
          name: "unit",
          pool: "forks",
          // To import everything anew for each file took a third of the time.
          isolate: false,
          setupFiles: ["vitest.setup.ts"],
          include: [
            "apps/*/src/**/*.test.ts",
            "packages/*/src/**/*.test.ts",
            "tools/*/src/**/*.test.ts",
            ...unitTestsOfTests,
          ],
          exclude: ["**/node_modules/**", "**/dist/**", "**/main.test.ts", "**/daemon-start.test.ts"],
          maxWorkers: allCores,
          ...limits,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "daemons",
          pool: "forks",
          setupFiles: ["vitest.setup.ts"],
          ...builtDaemons,
          include: untimed,
          maxWorkers: allCores,
          ...limits,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "process",
          pool: "forks",
          setupFiles: ["vitest.setup.ts"],
          ...builtDaemons,
          // Real daemons compete for the cores they are timed on: one file at a time, and after the others.
          include: ["tests/*.test.ts", "{apps,tools}/*/src/**/main.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**", ...untimed, ...attacks],
          fileParallelism: false,
          ...limits,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "faults",
          pool: "forks",
          setupFiles: ["vitest.setup.ts"],
          ...builtDaemons,
          include: [faults],
          // Each waits half of the time. With more of them the latencies that overload measures are those of the others.
          maxWorkers: 2,
          ...limits,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: "attacks",
          pool: "forks",
          setupFiles: ["vitest.setup.ts"],
          ...builtDaemons,
          include: attacks,
          fileParallelism: false,
          ...limits,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          name: "browser",
          pool: "forks",
          // The pages in a real browser, served by real daemons.
          include: ["tests/browser/**/*.test.ts"],
          ...builtDaemons,
          globalSetup: [...builtDaemons.globalSetup, "tests/browser/support/build-pages.ts"],
          // They time nothing, and wait for their pages most of the time.
          maxWorkers: allCores,
          ...limits,
          sequence: { groupOrder: 5 },
        },
      },
      {
        test: {
          name: "templates",
          pool: "forks",
          include: ["packages/chat-format/src/testing/template/*.compare.ts"],
          ...limits,
          sequence: { groupOrder: 6 },
        },
      },
    ],
  },
});
