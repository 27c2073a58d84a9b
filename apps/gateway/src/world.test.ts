// Runs random schedules of a simulated fleet and asks of each: does every job end within a bound, and with what was promised? A failure prints its
// seed, and the smallest schedule that still fails. To repeat one, or to run more:
//   WAGGLE_PROPERTY_SEED=17 WAGGLE_RUNS=1 vitest run apps/gateway/src/world.test.ts
import { expect, inject, test } from "vitest";
import { allFaults, drawSchedule, type Schedule } from "./testing/world/schedule.ts";
import { shrink } from "./testing/world/shrink.ts";
import { hashOf, runWorld, type WorldReport } from "./testing/world/world.ts";

const firstSeed = inject("seed");
const worlds = inject("runs").fleets;

async function failureOf(schedule: Schedule): Promise<string> {
  const isBroken = async (one: Schedule): Promise<boolean> => (await runWorld(one)).faults.length > 0;
  const small = await shrink(schedule, isBroken);
  const { faults, history } = await runWorld(small);
  const repeat = `WAGGLE_PROPERTY_SEED=${schedule.seed} WAGGLE_RUNS=1`;
  return [
    `World ${schedule.seed} broke a rule (${repeat}, hash ${hashOf(history)}):`,
    ...faults,
    "",
    JSON.stringify(small),
    "",
    ...history,
  ].join("\n");
}

test(`in ${worlds} simulated fleets from seed ${firstSeed} on, every job ends as promised`, async () => {
  const totals: Record<string, number> = {};
  for (let seed = firstSeed; seed < firstSeed + worlds; seed += 1) {
    const schedule = drawSchedule(seed);
    const { faults, counts } = await runWorld(schedule);
    if (faults.length > 0) throw new Error(await failureOf(schedule));
    for (const [what, count] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + count;
  }
  // So many schedules have each kind of fault.
  if (worlds >= 300) expect(allFaults.filter((kind) => (totals[kind] ?? 0) === 0)).toEqual([]);
});

test("the same schedule has the same history", async () => {
  const run = async (): Promise<WorldReport> => await runWorld(drawSchedule(firstSeed + 3));
  const [first, second] = [await run(), await run()];
  expect(hashOf(second.history)).toBe(hashOf(first.history));
  expect(first.history.length).toBeGreaterThan(5);
});
