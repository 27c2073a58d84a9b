// Owns the scenario with a real model: greedy answers, one slot per worker. A continued answer reads its tokens in one batch, with
// other rounding errors, so its text may differ only where two tokens were equally likely up to rounding.
import { sleep } from "@waggle/async";
import { embeddedModel, logged, startFleet, type Worker, type WorkerPlan } from "@waggle/testing/harness";
import type { FleetScenario } from "./scenario.ts";
import { learnAnswers, leftIn, runSwarm, wantedOf } from "./swarm.ts";

const plans: readonly WorkerPlan[] = ["bee-1", "bee-2", "bee-3"].map((name) => ({ name, slots: 1 }));
/** Name of the embedded model. */
const modelName = "waggle-tiny-stories";
const tokensEach = 400;
/** Fewer requests than in other scenarios, because two or three slots serve all of them. */
const mostRequests = 60;
const killEveryMs = 2_000;

export const realModel: FleetScenario = {
  name: "real-model",
  what: "workers with the embedded model and one slot each are killed in turn; greedy answers",
  async run({ groups, requests, seed, progress }) {
    const wanted = wantedOf(Math.min(requests, mostRequests), tokensEach, seed).map((one) => ({
      ...one,
      model: modelName,
    }));
    const asked = wanted.map((one) => ({ ...one, ties: true }));
    const answers = await learnAnswers(groups, asked, [...embeddedModel, "--slots", "1"]);
    await using stage = await startFleet(groups, { workers: plans, gateways: 2 });
    await stage.complete();
    const seen = new Set<Worker>(stage.workers.map(({ worker }) => worker));
    let kills = 0;
    const outcome = await runSwarm(stage, wanted, answers, async (over) => {
      const returning: Promise<void>[] = [];
      for (let next = 0; !over.aborted; next += 1) {
        await sleep(killEveryMs, { signal: over }).catch(() => {});
        const victim = stage.workers[next % stage.workers.length];
        const isNeeded = stage.workers.every((one) => one === victim || one.starting);
        if (over.aborted || victim === undefined || victim.starting || isNeeded) continue;
        await victim.kill();
        kills += 1;
        returning.push(victim.start().then(() => void seen.add(victim.worker)));
      }
      await Promise.all(returning);
    });
    const continued = [...seen].reduce(
      (sum, { log }) => sum + log.lines.filter(logged("fleet_job_continued")).length,
      0,
    );
    progress(
      `${outcome.equal} of ${outcome.requests} equal, ${outcome.whole - outcome.equal} different after a tie, in ${(outcome.tookMs / 1_000).toFixed(1)} s; ${kills} workers killed, ${continued} streams continued elsewhere`,
    );
    const none = continued > 0 ? [] : ["no stream was continued: increase the number of requests"];
    return [...outcome.wrong, ...(await leftIn(stage)), ...none];
  },
};
