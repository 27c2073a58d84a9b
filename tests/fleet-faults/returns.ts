// Owns the scenario in which jobs return to a worker that had them before: it is frozen and loses them, wakes up, and the other worker dies.
import { once } from "node:events";
import { sleep } from "@waggle/async";
import {
  logged,
  startFleet,
  type FleetStage,
  type FleetWorker,
  type Worker,
  type WorkerPlan,
} from "@waggle/testing/harness";
import type { FleetScenario } from "./scenario.ts";
import { learnAnswers, leftIn, runSwarm, wantedOf } from "./swarm.ts";

const plans: readonly WorkerPlan[] = [
  { name: "bee-1", slots: 32, stepMs: 25 },
  { name: "bee-2", slots: 32, stepMs: 25 },
];
/** Long enough for a stream to outlast the freeze. */
const tokensEach = 240;
/** Between a worker's first stream and its freeze: its streams have tokens by then. */
const undisturbedMs = 2_000;
/** Past the five seconds after which the other worker takes the jobs over; longer where that one has no free slot by then. */
const frozenMs = 8_000;
/** For the other worker to take the first of them, and for the frozen one to find that it has lost it. */
const turnLimitMs = 60_000;

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

/** Resolves when it runs a stream. */
async function begun({ worker }: FleetWorker): Promise<void> {
  await worker.log.line("a stream on this worker", logged("stream_start"), { limitMs: turnLimitMs });
}

async function onceAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

/** Freezes one worker until the other one has taken over, wakes it, and kills the other. @returns the worker that was frozen */
async function takeTurns(frozen: FleetWorker, other: FleetWorker): Promise<Worker> {
  const { worker } = frozen;
  const frozenAt = Date.now();
  const since = async ({ log }: Worker, message: string): Promise<unknown> =>
    await log.line(message, (line) => logged(message)(line) && Date.parse(String(line["time"])) >= frozenAt, {
      limitMs: turnLimitMs,
    });
  frozen.freeze();
  try {
    await Promise.all([sleep(frozenMs), since(other.worker, "fleet_job_continued")]);
  } finally {
    frozen.wake();
  }
  await since(worker, "fleet_job_lost_to_another_worker");
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
        await Promise.race([begun(one), onceAborted(over)]);
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
