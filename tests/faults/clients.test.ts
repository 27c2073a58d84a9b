// Tests a worker whose clients cancel, supersede each other, come and go, or do not read; and that these tests catch a worker that breaks a rule.
import { describe, expect, test } from "vitest";
import { limitMs } from "../support/long.ts";
import { runCancelMatrix } from "./cells/cancel-matrix.ts";
import { runCycles } from "./cells/cycles.ts";
import { expectToHold, failuresOf, runFaults } from "./support/run.ts";
import { runSlowReaders } from "./cells/slow-reader.ts";
import { runSupersede } from "./cells/supersede.ts";

test("jobs that are ended in each phase by each route", { timeout: limitMs }, async ({ signal }) => {
  const rows = await runFaults(runCancelMatrix, { name: "cancel", signal });
  expectToHold(rows);
  for (const phase of ["loading", "queued", "prefill", "decode"]) {
    for (const route of ["disconnect", "DELETE job", "DELETE session", "superseded", "deadline"]) {
      const cells = rows.filter(({ name }) => name.startsWith(`ended in ${phase} by ${route}`));
      expect(cells.length, `${phase} by ${route}`).toBeGreaterThanOrEqual(2);
      for (const { numbers } of cells) expect(numbers["steps"]).toBeLessThanOrEqual(1);
    }
  }
});

test("sessions: a new job supersedes the old one", { timeout: limitMs }, async ({ signal }) => {
  expectToHold(await runFaults(runSupersede, { name: "supersede", signal }));
});

test("clients that connect and leave at random moments", { timeout: limitMs }, async ({ signal }) => {
  expectToHold(await runFaults(runCycles, { name: "cycles", signal }));
});

test("slow readers", { timeout: limitMs }, async ({ signal }) => {
  expectToHold(await runFaults(runSlowReaders, { name: "slow", signal }));
});

describe("a worker that breaks a rule", { timeout: limitMs }, () => {
  test("is caught when it does not wait for the clean-up of a superseded stream", async ({ signal }) => {
    const workerFlags = ["--supersede-timeout", "0s"];
    const rows = await runFaults(runSupersede, { name: "supersede", signal, workerFlags });
    expect(failuresOf(rows).join("\n")).toMatch(/prev_stream_finished_cleanly/);
    expect(rows.at(-1)).toMatchObject({ name: "no process or port is left", failures: [] });
  });
});
