// Owns the scenarios of gateways that share jobs: one job_id is sent to two gateways, and gateways are killed while jobs wait in their queues.
import {
  gatewayFlags,
  poll,
  startFleet,
  startGateway,
  stopwatch,
  sum,
  type FleetStage,
  type Gateway,
  type WorkerPlan,
} from "@waggle/testing/harness";
import type { FleetScenario, ScenarioOptions } from "./scenario.ts";
import { bodyOf, follow, submit, type SharedJob } from "./shared-jobs.ts";
import { learnAnswers, tokensByWorker, wantedOf } from "./swarm.ts";

const tokensEach = 40;
const plans = [
  { name: "bee-1", slots: 8, stepMs: 10 },
  { name: "bee-2", slots: 8, stepMs: 20 },
] as const satisfies readonly WorkerPlan[];
/** Workers so slow that most jobs still wait when all jobs are accepted. */
const slowPlans = plans.map((plan) => ({ ...plan, stepMs: 3 * plan.stepMs }));
const problemsShown = 10;
/** Share of the jobs with a client that have ended when the second gateway is killed. */
const shareBetween = 0.3;
const settleLimitMs = 120_000;

async function jobsOf({ groups, requests, seed }: ScenarioOptions): Promise<readonly SharedJob[]> {
  const wanted = wantedOf(requests, tokensEach, seed);
  const answers = await learnAnswers(groups, wanted);
  return wanted.map((one, i) => ({ ...one, id: `shared-${seed}-${i}`, text: answers[i]?.text ?? "" }));
}

function verdict(jobs: readonly SharedJob[], found: readonly (readonly string[])[], progress: (line: string) => void) {
  const wrong = found.flatMap((problems, i) => problems.map((problem) => `${jobs[i]?.id ?? i}: ${problem}`));
  const whole = found.filter((problems) => problems.length === 0).length;
  progress(`${whole} of ${jobs.length} jobs complete`);
  return wrong.slice(0, problemsShown);
}

async function twoGateways(
  groups: ScenarioOptions["groups"],
  workers: readonly WorkerPlan[],
): Promise<{
  readonly stage: FleetStage;
  readonly first: Gateway;
  readonly second: Gateway;
}> {
  const stage = await startFleet(groups, { workers, gateways: 2 });
  await stage.complete();
  const [first, second] = stage.gateways;
  if (first === undefined || second === undefined) throw new Error("The fleet has fewer than two gateways");
  return { stage, first, second };
}

const oneName: FleetScenario = {
  name: "one-name",
  what: "each job_id is sent to two gateways at once, and one gateway is killed while its streams are read",
  async run(options) {
    const { groups, progress } = options;
    const jobs = await jobsOf(options);
    const { stage, first, second } = await twoGateways(groups, plans);
    await using _ = stage;
    const submitted = await Promise.all(
      jobs.map(async (job) => {
        const [here, there] = await Promise.all([first, second].map(({ url }) => submit(url, bodyOf(job, "continue"))));
        const other = await submit(second.url, { ...bodyOf(job, "continue"), prompt: "another request" });
        const problems = here === 202 && there === 202 ? [] : [`the gateways answered ${here} and ${there}`];
        return other === 409 ? problems : [...problems, `another request with its job_id was answered with ${other}`];
      }),
    );
    let tokens = 0;
    let killing: Promise<void> | undefined;
    const half = (jobs.length * tokensEach) / 2;
    const read = await Promise.all(
      jobs.map(
        async (job) =>
          await follow(
            job,
            (attempt) => (attempt === 0 && killing === undefined ? first.url : second.url),
            () => {
              tokens += 1;
              if (tokens >= half) killing ??= first[Symbol.asyncDispose]();
            },
          ),
      ),
    );
    await killing;
    // Too many tokens mean that a job ran twice.
    const generated = sum(await tokensByWorker(stage));
    const due = jobs.length * tokensEach;
    progress(`${generated} tokens were generated, ${due} are needed`);
    const doubled = generated > due ? [`${generated - due} tokens too many were generated: a job ran twice`] : [];
    return [
      ...verdict(
        jobs,
        jobs.map((_job, i) => [...(submitted[i] ?? []), ...(read[i] ?? [])]),
        progress,
      ),
      ...doubled,
    ];
  },
};

const waitingJobs: FleetScenario = {
  name: "waiting-jobs",
  what: "two gateways are killed in turn while jobs wait in their queues; half of the jobs have no client meanwhile",
  async run(options) {
    const { groups, progress } = options;
    const jobs = await jobsOf(options);
    const { stage, first, second } = await twoGateways(groups, slowPlans);
    await using _ = stage;
    const statuses = await Promise.all(jobs.map(async (job) => await submit(first.url, bodyOf(job, "continue"))));
    const refused = statuses.filter((status) => status !== 202);
    if (refused.length > 0) return [`${refused.length} jobs were refused, the first one with ${refused[0]}`];
    await poll("jobs to wait", async () => (await waitingAt(first)) > jobs.length / 4);
    let live = first;
    let ended = 0;
    const read = jobs.map(async (job, i) => {
      // Every second job is read only after the other jobs have ended.
      if (i % 2 === 1) return await Promise.resolve([]);
      const problems = await follow(job, () => live.url);
      ended += 1;
      return problems;
    });
    progress(`${await waitingAt(first)} jobs wait at the first gateway, which is killed`);
    live = second;
    await first[Symbol.asyncDispose]();
    await poll("a part of the jobs to end", () => ended >= (jobs.length / 2) * shareBetween, settleLimitMs);
    await using third = await startGateway(groups, { flags: gatewayFlags(stage.nats, "gate-3") });
    await poll("the third gateway to serve", async () => (await third.client.health()).ready);
    progress(`${await waitingAt(second)} jobs wait at the second gateway, which is killed`);
    live = third;
    await second[Symbol.asyncDispose]();
    const since = stopwatch();
    const early = await Promise.all(read);
    const late = await Promise.all(jobs.map(async (job, i) => (i % 2 === 1 ? await follow(job, () => third.url) : [])));
    progress(`the third gateway needed ${(since() / 1_000).toFixed(1)} s for the rest`);
    return verdict(
      jobs,
      jobs.map((_job, i) => [...(early[i] ?? []), ...(late[i] ?? [])]),
      progress,
    );
  },
};

async function waitingAt(gateway: Gateway): Promise<number> {
  return (await gateway.client.health()).queue.depth;
}

export const gatewayScenarios: readonly FleetScenario[] = [oneName, waitingJobs];
