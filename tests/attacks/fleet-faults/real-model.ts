// Owns the scenario with a real model: greedy answers, one slot per worker. A continued answer reads its tokens in one batch, with
// other rounding errors, so its text may differ only where two tokens were equally likely up to rounding.
import { embeddedModel, startFleet, type Worker, type WorkerPlan } from "@waggle/testing/harness";
import type { FleetScenario } from "./scenario.ts";
import { continuedProblems, killInTurn, learnAnswers, leftIn, runSwarm, wantedOf } from "./swarm.ts";

const plans: readonly WorkerPlan[] = ["bee-1", "bee-2", "bee-3"].map((name) => ({ name, slots: 1 }));
/** Name of the embedded model. */
const modelName = "waggle-tiny-stories";
const tokensEach = 400;
/** Fewer requests than in other scenarios, because two or three slots serve all of them. */
const mostRequests = 60;

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
    let ran: readonly Worker[] = [];
    const outcome = await runSwarm(stage, wanted, answers, async (swarm) => {
      ran = await killInTurn(stage.workers, wanted.length / 4, swarm);
    });
    const tied = outcome.whole - outcome.equal;
    const took = (outcome.tookMs / 1_000).toFixed(1);
    progress(`${outcome.equal} of ${outcome.requests} equal, ${tied} different after a tie, in ${took} s`);
    const none = continuedProblems(ran, progress);
    return [...outcome.wrong, ...(await leftIn(stage)), ...none];
  },
};
