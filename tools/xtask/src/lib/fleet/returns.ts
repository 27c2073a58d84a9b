// Owns the scenario in which jobs return to a worker that had them before: it is frozen and loses them, wakes up, and the other worker dies.
import { sleep } from "@waggle/async";
import { logged } from "@waggle/harness";
import type { Worker } from "@waggle/harness";
import type { FleetScenario } from "./scenario.ts";
import { startFleet, type FleetStage, type FleetWorker, type WorkerPlan } from "./stage.ts";
import { learnAnswers, leftIn, runSwarm, wantedOf } from "./swarm.ts";

const plans: readonly WorkerPlan[] = [
  { name: "bee-1", slots: 32, stepMs: 25 },
  { name: "bee-2", slots: 32, stepMs: 25 },
];
/** Long enough for a stream to outlast the freeze. */
const tokensEach = 240;
/** Between the start of the swarm, or of a worker, and the next freeze. */
const undisturbedMs = 2_000;
/** Past the five seconds after which the other worker takes the jobs over. */
const frozenMs = 8_000;
/** For a worker that woke up to find that it has lost its jobs. */
const lossLimitMs = 15_000;

/** How many jobs this worker has lost, and continued later. */
function returnsTo({ log }: Pick<Worker, "log">): number {
  const lost = new Set<unknown>();
  const returns = new Set<unknown>();
  for (const line of log.lines) {
    if (logged("fleet_job_lost_to_another_worker")(line)) lost.add(line["job"]);
    if (logged("fleet_job_continued")(line) && lost.has(line["job"])) returns.add(line["job"]);
  }
  return returns.size;
}

/** Freezes one worker, wakes it, and kills the other. @returns the worker that was frozen */
async function takeTurns(frozen: FleetWorker, other: FleetWorker): Promise<Worker> {
  const { worker } = frozen;
  frozen.freeze();
  await sleep(frozenMs);
  frozen.wake();
  await worker.log.line("that it has lost its jobs", logged("fleet_job_lost_to_another_worker"), {
    limitMs: lossLimitMs,
  });
  await other.kill();
  await other.start();
  return worker;
}

export const returned: FleetScenario = {
  name: "returns",
  what: "a worker is frozen for eight seconds and loses its jobs; it wakes, the other worker is killed, and jobs return",
  async run({ groups, requests, seed, progress }) {
    const wanted = wantedOf(requests, tokensEach, seed);
    const answers = await learnAnswers(groups, wanted);
    await using stage = await startFleet(groups, { workers: plans, gateways: 2 });
    await stage.complete();
    const frozen = new Set<Worker>();
    const outcome = await runSwarm(stage, wanted, answers, async (over) => {
      for (const [one, other] of turnsOf(stage)) {
        await sleep(undisturbedMs, { signal: over }).catch(() => {});
        if (over.aborted) return;
        frozen.add(await takeTurns(one, other));
      }
    });
    const returns = [...frozen].reduce((sum, worker) => sum + returnsTo(worker), 0);
    progress(
      `${outcome.whole} of ${outcome.requests} whole in ${(outcome.tookMs / 1_000).toFixed(1)} s; ${frozen.size} times frozen, ${returns} jobs returned to a worker that had lost them`,
    );
    const none = returns > 0 ? [] : ["no job returned to a worker that had had it: ask for more requests"];
    return [...outcome.wrong, ...(await leftIn(stage)), ...none];
  },
};

/** Without end: each worker is frozen while the other one is the newer process. */
function* turnsOf({ workers }: Pick<FleetStage, "workers">): Generator<readonly [FleetWorker, FleetWorker]> {
  const [one, other] = workers;
  if (one === undefined || other === undefined) throw new Error("There are no two workers");
  for (;;) {
    yield [one, other];
    yield [other, one];
  }
}
