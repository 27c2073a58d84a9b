// Tests a context pool that is too small for all jobs at once: jobs are parked and continue, and every answer is the one that the job gets alone.
import { needs } from "@waggle/testing";
import {
  createLeftoverCheck,
  createProcessGroups,
  endingOf,
  endLeftovers,
  poll,
  sum,
  times,
} from "@waggle/testing/harness";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  firstParked,
  parksOf,
  run,
  sharesContext,
  slots,
  startPoolWorker,
  wrongIn,
  type PoolWorker,
  type Run,
} from "./context-pool-jobs.ts";
import { limitMs, say } from "../support/long.ts";

const groups = createProcessGroups("context-pool");
const leftovers = createLeftoverCheck();
let pool: PoolWorker;
let alone: Promise<readonly Run[]> | undefined;

/** The jobs, run one after the other; once in all tests. */
function runAlone(): Promise<readonly Run[]> {
  alone ??= (async () => {
    const runs: Run[] = [];
    for (let index = 0; index < slots; index += 1) {
      const one = await run(pool, index);
      await one.stream.over;
      expect(parksOf(one), "parks of a job alone").toBe(0);
      runs.push(one);
      say(`job ${index} alone: ${one.stream.judge.modelTokens} tokens`);
    }
    return runs;
  })();
  return alone;
}

const runAll = (): Promise<Run[]> => times(slots, (index) => run(pool, index));

const hasEnded = ({ stream }: Run): boolean => stream.judge.terminal !== undefined;

/** Runs all jobs, and cancels the first one that is parked, and one that runs. */
async function cancelTwo(): Promise<{ readonly cancelled: readonly Run[]; readonly others: readonly Run[] }> {
  const runs = await runAll();
  const parked = await firstParked(runs);
  const running = runs.find((one) => one !== parked && parksOf(one) === 0);
  const cancelled = running === undefined ? [parked] : [parked, running];
  for (const { jobId, stream } of cancelled) {
    await pool.worker.client.cancelJob(jobId);
    await stream.over;
  }
  return { cancelled, others: runs.filter((one) => !cancelled.includes(one)) };
}

/** Whether both jobs were there to be cancelled, and others ran on. */
function areInTime(cancelled: readonly Run[], others: readonly Run[]): boolean {
  const late = cancelled.some(({ stream }) => endingOf(stream.judge.terminal) === "length");
  return cancelled.length === 2 && !late && !others.every(hasEnded);
}

/** Waits for the ends of the jobs, and checks that each answer is whole and the one that the job gets alone. */
async function expectWhole(runs: readonly Run[]): Promise<void> {
  await Promise.all(runs.map(({ stream }) => stream.over));
  say(`parks of the jobs: ${runs.map(parksOf).join(", ")}`);
  await poll("the worker to be idle", async () => {
    const health = await pool.worker.client.health();
    return health.slots.busy + health.queue.depth === 0;
  });
  const references = await runAlone();
  const wrong: string[] = [];
  for (const one of runs) wrong.push(...(await wrongIn(pool, one, references[one.index] as Run)));
  expect(wrong).toEqual([]);
}

// Without the addon, each slot has a separate context.
describe("a context pool", needs("Waggle's addon"), () => {
  beforeAll(async () => {
    pool = await startPoolWorker(groups);
    if (!(await sharesContext(pool.worker))) throw new Error("The slots do not share the context.");
  }, limitMs);

  afterAll(async () => {
    await leftovers.observe([pool.worker.pid]);
    await pool[Symbol.asyncDispose]();
    groups.killAll();
    const left = endLeftovers(await leftovers.check());
    if (left.length > 0) throw new Error(left.join("\n"));
  });

  test(
    "jobs that together need more than the pool are parked, and answered as if alone",
    { timeout: limitMs },
    async () => {
      const runs = await runAll();
      await expectWhole(runs);
      expect(sum(runs.map(parksOf))).toBeGreaterThan(0);
    },
  );

  test("a cancel ends a parked job at once, and changes no other answer", { timeout: limitMs }, async () => {
    await runAlone();
    let { cancelled, others } = await cancelTwo();
    // The jobs end soon after the first one is parked: if this process pauses meanwhile, the cancels come too late.
    for (let tries = 1; tries < 5 && !areInTime(cancelled, others); tries += 1) {
      await expectWhole(others);
      ({ cancelled, others } = await cancelTwo());
    }
    expect(cancelled.map(({ stream }) => endingOf(stream.judge.terminal))).toEqual([
      "cancelled by client",
      "cancelled by client",
    ]);
    expect(others.every(hasEnded), "whether the others have ended").toBe(false);
    await expectWhole(others);
  });

  test("parked jobs outlive the engine", { timeout: limitMs }, async () => {
    await runAlone();
    const runs = await runAll();
    await firstParked(runs);
    process.kill(pool.worker.enginePid(), "SIGKILL");
    await expectWhole(runs);
    const deaths = async (): Promise<number> => (await pool.worker.metrics()).sum("waggle_engine_deaths_total");
    await expect.poll(deaths).toBe(1);
  });
});
