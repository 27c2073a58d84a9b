// Tests streams that are cut and resumed, refused by a full queue, and ended in every dialect; and that a too small replay buffer is noticed.
import { expect, test } from "vitest";
import { limitMs } from "../support/long.ts";
import { runDialects } from "./cells/dialects.ts";
import { runOverload } from "./cells/overload.ts";
import { runResume } from "./cells/resume.ts";
import { expectToHold, failuresOf, runFaults } from "./support/run.ts";

test("streams that are cut and resumed", { timeout: limitMs }, async ({ signal }) => {
  expectToHold(await runFaults(runResume, { name: "resume", signal }));
});

test("a worker that drops events before its readers resume is caught", { timeout: limitMs }, async ({ signal }) => {
  const workerFlags = ["--replay-buffer", "2KiB"];
  const rows = await runFaults(runResume, { name: "resume", signal, workerFlags });
  expect(failuresOf(rows).join("\n")).toMatch(/byte for byte/);
  expect(rows.at(-1)).toMatchObject({ name: "no process or port is left", failures: [] });
});

test("ten times more requests than the queue holds", { timeout: limitMs }, async ({ signal }) => {
  expectToHold(await runFaults(runOverload, { name: "overload", signal }));
});

test("streams of every dialect, ended in every way", { timeout: limitMs }, async ({ signal }) => {
  expectToHold(await runFaults(runDialects, { name: "dialects", signal }));
});
