// Random schedules against the dispatcher, queue, registry, sessions, readers and engine together. Each has a seed; a failure names it.
//   WAGGLE_SIM_SEED=17 WAGGLE_SIM_RUNS=1 vitest run apps/worker/src/jobs/simulation.test.ts
import { createWorkerMetrics } from "@waggle/telemetry";
import { describe, expect, test } from "vitest";
import { simulate } from "../testing/simulation/simulate.ts";

const firstSeed = Number(process.env["WAGGLE_SIM_SEED"] ?? 1);
const runs = Number(process.env["WAGGLE_SIM_RUNS"] ?? 2_000);

describe("random schedules", () => {
  const metrics = createWorkerMetrics();

  test(`${runs} of them, from seed ${firstSeed} on, break no invariant`, { timeout: 30_000 + runs * 60 }, async () => {
    const totals: Record<string, number> = {};
    for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
      const { counts } = await simulate(seed, metrics).catch((error: unknown) => {
        throw new Error(
          `Repeat this schedule with WAGGLE_SIM_SEED=${seed} WAGGLE_SIM_RUNS=1: ${(error as Error).message}`,
          { cause: error },
        );
      });
      for (const [what, number] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + number;
    }
    console.log(totals);
  });

  test("with the same seed do and see the same", async () => {
    const [first, second] = [await simulate(firstSeed, metrics), await simulate(firstSeed, metrics)];
    expect(second.history).toEqual(first.history);
    expect(first.history.length).toBeGreaterThan(30);
  });
});
