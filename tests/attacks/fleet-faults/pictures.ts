// Owns the scenarios of jobs with pictures whose workers and gateways are killed. With the fake backend every answer depends on the bytes of its picture.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { madeUpPng } from "@waggle/testing";
import { poll, startFleet, type Worker, type WorkerPlan } from "@waggle/testing/harness";
import { pictureShapes, writeSinglePrecision, writePictureModel } from "@waggle/testing/models";
import type { Wanted } from "./ask.ts";
import { killsOf, type FleetScenario } from "./scenario.ts";
import { bodyOf, follow, submit } from "./shared-jobs.ts";
import { continuedProblems, fakeFlags, killInTurn, learnAnswers, leftIn, runSwarm, wantedOf } from "./swarm.ts";

const tokensEach = 120;
/** More bytes than one piece of a picture in the fleet's store. */
const pictureBytes = 300_000;
const seeingFlags = [...fakeFlags, "--mmproj", "fake"];
const seeing: readonly WorkerPlan[] = [
  { name: "bee-1", slots: 8, stepMs: 20, readsPictures: true },
  { name: "bee-2", slots: 8, stepMs: 20, readsPictures: true },
];
const blind: WorkerPlan = { name: "bee-3", slots: 4, stepMs: 20 };

/** Requests with a picture each, which differ only in their pictures. */
function withPictures(wanted: readonly Wanted[]): readonly Wanted[] {
  return wanted.map((one, color) => {
    const file = Buffer.from(madeUpPng(color, { textBytes: pictureBytes }));
    return { ...one, prompt: "What do the bees see?", picture: `data:image/png;base64,${file.toString("base64")}` };
  });
}

function distinctProblems(texts: readonly string[]): readonly string[] {
  const distinct = new Set(texts).size;
  return distinct === texts.length ? [] : [`only ${distinct} of ${texts.length} answers depend on their pictures`];
}

const workersKilled: FleetScenario = {
  name: "pictures",
  what: "workers that run jobs with pictures are killed in turn; another worker of the model reads no pictures",
  async run(options) {
    const { groups, requests, seed, progress } = options;
    const texts = wantedOf(Math.ceil(requests / 8), tokensEach, seed);
    const wanted = [...withPictures(wantedOf(Math.ceil(requests / 4), tokensEach, seed)), ...texts];
    const answers = await learnAnswers(groups, wanted, seeingFlags);
    await using stage = await startFleet(groups, { workers: [...seeing, blind], gateways: 2 });
    await stage.complete();
    let ran: readonly Worker[] = [];
    const victims = stage.workers.filter(({ name }) => name !== blind.name);
    const outcome = await runSwarm(stage, wanted, answers, async (swarm) => {
      ran = await killInTurn(victims, killsOf(options), swarm);
    });
    progress(`${outcome.whole} of ${outcome.requests} whole in ${(outcome.tookMs / 1_000).toFixed(1)} s`);
    const none = continuedProblems(ran, progress);
    return [...distinctProblems(answers.map(({ text }) => text)), ...outcome.wrong, ...(await leftIn(stage)), ...none];
  },
};

const gatewayKilled: FleetScenario = {
  name: "pictures-gateway-killed",
  what: "a gateway is killed while its jobs with pictures run and wait; the other gateway continues all of them",
  async run({ groups, seed, progress }) {
    const wanted = withPictures(wantedOf(24, tokensEach, seed));
    const answers = await learnAnswers(groups, wanted, seeingFlags);
    const jobs = wanted.map((one, i) => ({ ...one, id: `pictures-${seed}-${i}`, text: answers[i]?.text ?? "" }));
    await using stage = await startFleet(groups, { workers: seeing.slice(0, 1), gateways: 2 });
    await stage.complete();
    const [first, second] = stage.gateways;
    if (first === undefined || second === undefined) return ["the fleet has fewer than two gateways"];
    const statuses = await Promise.all(jobs.map(async (job) => await submit(first.url, bodyOf(job, "continue"))));
    const refused = statuses.filter((status) => status !== 202);
    if (refused.length > 0) return [`${refused.length} jobs were refused, the first one with ${refused[0]}`];
    const waiting = async (): Promise<number> => (await first.client.health()).queue.depth;
    await poll(
      "the slots to be busy",
      async () => (await second.client.health()).slots.total === 8 && (await waiting()) <= 16,
    );
    progress(`${await waiting()} jobs wait at the first gateway, which is killed`);
    await first[Symbol.asyncDispose]();
    const found = await Promise.all(jobs.map(async (job) => await follow(job, () => second.url)));
    const wrong = found.flatMap((problems, i) => problems.map((problem) => `${jobs[i]?.id ?? i}: ${problem}`));
    progress(`${found.filter((problems) => problems.length === 0).length} of ${jobs.length} jobs complete`);
    return [...wrong, ...(await leftIn(stage))];
  },
};

/** Tokens of a stream of a made-up model, which takes a millisecond for one. */
const realTokensEach = 1_000;

export const realPictures: FleetScenario = {
  name: "pictures-real-model",
  what: "workers with made-up models, in single precision, are killed in turn while they run jobs with pictures",
  async run({ groups, seed, progress }) {
    const folder = await mkdtemp(join(tmpdir(), "waggle-fleet-pictures-"));
    const problems: string[] = [];
    for (const shape of pictureShapes) {
      const made = writePictureModel({ folder, shape, context: 4_096 });
      const [model, projector] = [join(folder, `f32-${shape}.gguf`), join(folder, `mmproj-f32-${shape}.gguf`)];
      writeSinglePrecision(made.model, model);
      writeSinglePrecision(made.projector, projector);
      const exact = ["--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attention", "off", "--guesses", "off"];
      const workerFlags = ["--model", model, "--mmproj", projector, "--context-size", "2048", ...exact];
      const wanted = withPictures(wantedOf(12, realTokensEach, seed)).map((one) => ({ ...one, model: "any" }));
      const asked = wanted.map((one) => ({ ...one, ties: true }));
      const answers = await learnAnswers(groups, asked, ["--threads", "1", "--slots", "1", ...workerFlags]);
      const workers = ["bee-1", "bee-2"].map((name) => ({ name, slots: 1 }));
      await using stage = await startFleet(groups, { workers, gateways: 1, workerFlags });
      await stage.complete();
      let ran: readonly Worker[] = [];
      const outcome = await runSwarm(stage, wanted, answers, async (swarm) => {
        ran = await killInTurn(stage.workers, 4, swarm);
      });
      progress(`${shape}: ${outcome.equal} of ${outcome.requests} equal in ${(outcome.tookMs / 1_000).toFixed(1)} s`);
      const none = continuedProblems(ran, progress);
      problems.push(...[...outcome.wrong, ...(await leftIn(stage)), ...none].map((problem) => `${shape}: ${problem}`));
    }
    return problems;
  },
};

export const pictureScenarios: readonly FleetScenario[] = [workersKilled, gatewayKilled];
