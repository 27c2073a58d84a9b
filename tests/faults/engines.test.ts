// Tests a worker whose engines die, hang and fail, on the fake backend and on the embedded model.
import { test } from "vitest";
import { limitMs } from "../support/long.ts";
import { runEngineFaults } from "./cells/engine-faults.ts";
import { runEngineLoss } from "./cells/engine-loss.ts";
import { runRealModel } from "./cells/real-model.ts";
import { expectToHold, runFaults } from "./support/run.ts";

test("engines that die, hang and fail", { timeout: limitMs }, async ({ signal }) => {
  expectToHold(await runFaults(runEngineFaults, { name: "engine", signal }));
});

test("streams that outlive their engines", { timeout: limitMs }, async ({ signal }) => {
  expectToHold(await runFaults(runEngineLoss, { name: "engine-loss", signal }));
});

test(
  "the embedded model: jobs that end in prefill, a resumed stream, an engine that is killed under streams",
  { timeout: limitMs },
  async ({ signal }) => {
    expectToHold(await runFaults(runRealModel, { name: "model", signal }));
  },
);
