// Runs random schedules against dispatcher, queue, registry, sessions, readers, tool calls and engine together, on a fake clock. A
// failure names its seed and prints the history. To repeat a schedule, or to run more:
//   WAGGLE_PROPERTY_SEED=17 WAGGLE_RUNS=1 vitest run apps/worker/src/contracts/jobs/simulation.test.ts -t "with calls"
import { describe, expect, inject, test } from "vitest";
import { simulate } from "../../testing/simulation/simulate.ts";

const firstSeed = inject("seed");
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
    "decide jobs that lost their engine midway",
    ...["finished", "cancelled", "failed"].map((end) => `decide jobs, ${end}`),
    ...["finished", "cancelled", "failed"].map((end) => `lane jobs, ${end}`),
    "lane jobs that continued",
    "parked and finished",
    "parked and cancelled",
    "cancel took 1 steps at most",
  ],
];

const everyTurnWithCalls = [
  ...["stop", "length"].map((by) => `finished ${by}`),
  ...["client", "operator", "superseded", "disconnect", "unclaimed"].map((by) => `cancelled ${by}`),
  ...["deadline_exceeded", "engine_failed", "unavailable"].map((code) => `failed ${code}`),
  ...["once", "conversation", "no"].map((allow) => `consent ${allow}`),
  ...["done", "tool_error", "failed", "unknown", "unknown after a cancel", "done after a cancel"].map(
    (kind) => `result ${kind}`,
  ),
  ...["queued queued", "running decode", "calling calling", "ended failed", "ended cancelled", "ended finished"].map(
    (place) => `sent again in ${place}`,
  ),
  ...["queued queued", "running prefill", "running decode", "calling calling"].flatMap((place) => [
    `cancel in ${place}`,
    `engine deaths, ${place}`,
  ]),
  "engine deaths before the first token of a later step",
  ...[
    "accepted with tools",
    "joined",
    "jobs that are tried again",
    "continued after recorded messages",
    "records that failed",
    "consents that came too late",
    "drains while a job calls",
    "calls of free",
    "calls of asked",
  ],
];

describe.each([
  { kind: "without calls", runs: inject("runs").workerSchedules, every: everyTurn },
  { kind: "with calls", runs: inject("runs").workerSchedulesWithCalls, every: everyTurnWithCalls },
])("random schedules $kind", ({ kind, runs, every }) => {
  const run = (seed: number): ReturnType<typeof simulate> => simulate(seed, kind === "with calls");

  test(`${runs} of them, from seed ${firstSeed} on, break no invariant`, async () => {
    const totals: Record<string, number> = {};
    for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
      const { counts } = await run(seed).catch((error: unknown) => {
        const again = `WAGGLE_PROPERTY_SEED=${seed} WAGGLE_RUNS=1`;
        throw new Error(`Schedule ${seed} ${kind} failed; repeat it with ${again}.\n${(error as Error).message}`);
      });
      for (const [what, number] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + number;
    }
    if (runs >= runsThatSeeAll) expect(every.filter((what) => (totals[what] ?? 0) < runs / 1_000)).toEqual([]);
  });

  test("have the same history for the same seed", async () => {
    const seed = firstSeed + 1;
    const [first, second] = [await run(seed), await run(seed)];
    expect(second.history).toEqual(first.history);
    expect(first.history.length).toBeGreaterThan(10);
  });
});
