// Owns the scenario in which jobs return to their former worker: this worker is frozen and loses its jobs, wakes up, and the other worker is killed.
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
/** Tokens of each stream: enough to outlast the freeze. */
const tokensEach = 240;
/** Time between a worker's first stream and its freeze, so that its streams have tokens by then. */
const undisturbedMs = 2_000;
/** Longest planned freeze: the other worker takes the jobs over after five seconds. The freeze is longer if that worker has no free slot. */
const frozenMs = 8_000;
/** Limit for the other worker to take a job over, and for the frozen one to notice the loss. */
const turnLimitMs = 60_000;

/** Number of jobs that this worker lost, and later continued. */
function returnsTo({ log }: Pick<Worker, "log">): number {
  const lost = new Set<unknown>();
  const returns = new Set<unknown>();
  for (const line of log.lines) {
    if (logged("fleet_job_lost_to_another_worker")(line)) lost.add(line["job"]);
    if (logged("fleet_job_continued")(line) && lost.has(line["job"])) returns.add(line["job"]);
  }
  return returns.size;
}

/** Resolves when the worker runs a stream. */
async function begun({ worker }: FleetWorker): Promise<void> {
  await worker.log.line("a stream on this worker", logged("stream_start"), { limitMs: turnLimitMs });
}

async function onceAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

/**
 * Freezes a worker until the other worker has taken a job over, wakes it, and restarts the other worker.
 * @param over aborts when all answers have ended. A frozen worker without a job waits for that, since no job is left to take over.
 * @returns the worker that was frozen
 */
async function takeTurns(frozen: FleetWorker, other: FleetWorker, over: AbortSignal): Promise<Worker> {
  const { worker } = frozen;
  const frozenAt = Date.now();
  const since = async ({ log }: Worker, message: string): Promise<void> => {
    const isNew = logged(message);
    const line = log.line(message, (one) => isNew(one) && Date.parse(String(one["time"])) >= frozenAt, {
      limitMs: turnLimitMs,
    });
    await Promise.race([line, onceAborted(over)]);
  };
  frozen.freeze();
  try {
    await Promise.all([sleep(frozenMs), since(other.worker, "fleet_job_continued")]);
  } finally {
    frozen.wake();
  }
  await since(worker, "fleet_job_lost_to_another_worker");
  if (over.aborted) return worker;
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
    const outcome = await runSwarm(stage, wanted, answers, async ({ over }) => {
      for (const [one, other] of turnsOf(stage)) {
        await Promise.race([begun(one), onceAborted(over)]);
        await sleep(undisturbedMs, { signal: over }).catch(() => {});
        if (over.aborted) return;
        frozen.add(await takeTurns(one, other, over));
      }
    });
    const returns = [...frozen].reduce((sum, worker) => sum + returnsTo(worker), 0);
    progress(
      `${outcome.whole} of ${outcome.requests} whole in ${(outcome.tookMs / 1_000).toFixed(1)} s; ${frozen.size} freezes, ${returns} jobs returned to a worker that had lost them`,
    );
    const none = returns > 0 ? [] : ["no job returned to a worker that had lost it: increase the number of requests"];
    return [...outcome.wrong, ...(await leftIn(stage)), ...none];
  },
};

/** Endless: each worker is frozen in turn, and the other one is restarted. */
function* turnsOf({ workers }: Pick<FleetStage, "workers">): Generator<readonly [FleetWorker, FleetWorker]> {
  const [one, other] = workers;
  if (one === undefined || other === undefined) throw new Error("The fleet has fewer than two workers");
  for (;;) {
    yield [one, other];
    yield [other, one];
  }
}
