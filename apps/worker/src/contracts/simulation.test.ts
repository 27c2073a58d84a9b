// Runs hundreds of random schedules against dispatcher, queue, registry, sessions, readers and engine together, on a fake clock. A failure
// names its seed and prints the history. To repeat a schedule, or to run more:
//   WAGGLE_SIM_SEED=17 WAGGLE_SIM_RUNS=1 vitest run apps/worker/src/contracts/simulation.test.ts
import { createWorkerMetrics } from "@waggle/telemetry";
import { describe, expect, test } from "vitest";
import { simulate } from "../testing/simulation/simulate.ts";

const firstSeed = Number(process.env["WAGGLE_SIM_SEED"] ?? 1);
const runs = Number(process.env["WAGGLE_SIM_RUNS"] ?? 500);
/** With at least this many runs, every kind of event must have happened. */
const runsThatSeeAll = 500;

const everyTurn = [
  "finished stop",
  "finished length",
  ...["client", "superseded", "disconnect", "unclaimed"].map((by) => `cancelled ${by}`),
  ...["deadline_exceeded", "engine_failed", "unavailable", "invalid_argument"].map((code) => `failed ${code}`),
  ...["invalid_argument", "conflict", "unavailable", "resource_exhausted", "payload_too_large"].map(
    (code) => `refused ${code}`,
  ),
  ...["queued queued", "blocked queued", "running queued", "running prefill", "running decode"].map(
    (place) => `cancel in ${place}`,
  ),
  ...["prev_stream_finished_cleanly", "prev_stream_timeout_on_cancel"],
  ...[
    "resumed",
    "reader stalled",
    "reader behind",
    "engine deaths",
    "engine deaths while a picture is encoded",
    "encodings",
    "encodings that failed",
    "accepted with pictures",
    "refused pictures in all",
    "left before its body arrived",
    "streams that lost their engine",
    "parked and finished",
    "parked and cancelled",
    "cancel took 1 steps at most",
  ],
];

describe("random schedules", () => {
  const metrics = createWorkerMetrics();

  // A schedule takes 30 ms on a free core. The limit ends a schedule that hangs, also on a busy machine.
  test(
    `${runs} of them, from seed ${firstSeed} on, break no invariant`,
    { timeout: 300_000 + runs * 1_000 },
    async () => {
      const totals: Record<string, number> = {};
      for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
        const { counts } = await simulate(seed, metrics).catch((error: unknown) => {
          const again = `WAGGLE_SIM_SEED=${seed} WAGGLE_SIM_RUNS=1`;
          throw new Error(`Schedule ${seed} failed; repeat it with ${again}.\n${(error as Error).message}`);
        });
        for (const [what, number] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + number;
      }
      if (runs >= runsThatSeeAll) expect(everyTurn.filter((what) => (totals[what] ?? 0) < runs / 1_000)).toEqual([]);
    },
  );

  test("have the same history for the same seed", async () => {
    const seed = firstSeed + 1;
    const [first, second] = [await simulate(seed, metrics), await simulate(seed, metrics)];
    expect(second.history).toEqual(first.history);
    expect(first.history.length).toBeGreaterThan(20);
  });
});
