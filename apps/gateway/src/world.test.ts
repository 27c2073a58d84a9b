// Runs random schedules of a simulated fleet and asks of each: does every job end within a bound, and with what was promised? A failure prints its
// seed, and the smallest schedule that still fails. To repeat one, or to run more:
//   WAGGLE_PROPERTY_SEED=17 WAGGLE_RUNS=1 vitest run apps/gateway/src/world.test.ts
import { expect, inject, test } from "vitest";
import { allFaults, drawSchedule, type Schedule } from "./testing/world/schedule.ts";
import { shrink } from "./testing/world/shrink.ts";
import { hashOf, runWorld, type WorldReport } from "./testing/world/world.ts";

const firstSeed = inject("seed");
const worlds = inject("runs").fleets;

/**
 * Answers in a thousand that are not as asked, and that only a fault of their schedule explains. A cause with a larger share hides a loss of jobs;
 * a cause without a row is rare.
 */
const usualShares: Readonly<Record<string, number>> = {
  "error unavailable: gateway or broker away": 7,
  "error unavailable: gateway left": 4,
  "error unavailable: no worker": 3,
  "error engine_failed: no worker of the file": 4,
  "error internal: log lost": 2,
  "refused conflict: record of another version": 4,
};
const rareShare = 1;

/** The causes with more answers than their shares explain, in so many answers. */
function tooFrequent(totals: Readonly<Record<string, number>>, answers: number): readonly string[] {
  return Object.entries(totals).flatMap(([cause, count]) => {
    if (!cause.includes(": ")) return [];
    const usual = ((usualShares[cause] ?? rareShare) * answers) / 1_000;
    // Few schedules may have several such answers, of one fault.
    const most = Math.ceil(2 * usual + 6);
    return count > most ? [`${cause}: ${count} of ${answers} answers, at most ${most}`] : [];
  });
}

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
  let answers = 0;
  for (let seed = firstSeed; seed < firstSeed + worlds; seed += 1) {
    const schedule = drawSchedule(seed);
    const { faults, counts } = await runWorld(schedule);
    if (faults.length > 0) throw new Error(await failureOf(schedule));
    answers += schedule.clients.length;
    for (const [what, count] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + count;
  }
  expect(tooFrequent(totals, answers)).toEqual([]);
  // So many schedules have each kind of fault.
  if (worlds >= 300) expect(allFaults.filter((kind) => (totals[kind] ?? 0) === 0)).toEqual([]);
});

test("the same schedule has the same history", async () => {
  const run = async (): Promise<WorldReport> => await runWorld(drawSchedule(firstSeed + 3));
  const [first, second] = [await run(), await run()];
  expect(hashOf(second.history)).toBe(hashOf(first.history));
  expect(first.history.length).toBeGreaterThan(5);
});
