// Owns the scenarios of a fleet whose workers, NATS, network or gateways fail.
import { sleep } from "@waggle/async";
import {
  daemonCommand,
  logged,
  openStream,
  poll,
  startFleet,
  startGateway,
  startNats,
  startWorker,
  stopwatch,
  type FleetStage,
  type Worker,
  type WorkerPlan,
} from "@waggle/testing/harness";
import { gatewayScenarios } from "./gateway-scenarios.ts";
import { createOtherMachine } from "./partition.ts";
import { pictureScenarios } from "./pictures.ts";
import { returned } from "./returns.ts";
import { killsOf, type FleetScenario, type ScenarioOptions, type Verdict } from "./scenario.ts";
import {
  continuedProblems,
  killInTurn,
  learnAnswers,
  leftIn,
  runSwarm,
  sharesOf,
  stepSecondsByWorker,
  tokensByWorker,
  wantedOf,
  type SwarmProgress,
} from "./swarm.ts";

const tokensEach = 60;
/** Workers with speeds of 4 : 2 : 1. */
const plans: readonly (WorkerPlan & { readonly stepMs: number })[] = [
  { name: "bee-1", slots: 8, stepMs: 10 },
  { name: "bee-2", slots: 8, stepMs: 20 },
  { name: "bee-3", slots: 8, stepMs: 40 },
];
/**
 * Allowed relative difference between a worker's share of the tokens and its share of the measured speed. With the planned
 * speeds, an even spread differs by 42 and 133 %.
 */
const spreadTolerance = 0.3;
const natsAwayMs = 2_000;
/** A worker exits within two seconds; its own limits for leaving are together 4.5 s, and a busy machine needs as long again. */
const drainLimitMs = 10_000;

async function swarmOf(
  options: ScenarioOptions,
  meanwhile: (stage: FleetStage, progress: SwarmProgress) => Promise<void>,
  judge: (stage: FleetStage) => Promise<Verdict> = async () => [],
): Promise<Verdict> {
  const { groups, requests, seed, progress } = options;
  const wanted = wantedOf(requests, tokensEach, seed);
  const answers = await learnAnswers(groups, wanted);
  await using stage = await startFleet(groups, { workers: plans, gateways: 2 });
  await stage.complete();
  const outcome = await runSwarm(stage, wanted, answers, async (swarm) => await meanwhile(stage, swarm));
  progress(
    `${outcome.whole} of ${outcome.requests} whole in ${seconds(outcome.tookMs)}, longest pause of a stream ${seconds(outcome.longestPauseMs)}`,
  );
  return [...outcome.wrong, ...(await leftIn(stage)), ...(await judge(stage))];
}

const undisturbed: FleetScenario = {
  name: "spread",
  what: "parallel requests are spread over the workers by their speed",
  run: async (options) =>
    await swarmOf(
      options,
      async () => {},
      async (stage) => {
        const got = sharesOf(await tokensByWorker(stage));
        const stepSeconds = await stepSecondsByWorker(stage);
        const due = sharesOf(plans.map(({ slots }, i) => slots / (stepSeconds[i] ?? 0)));
        return plans.flatMap(({ name }, i) => {
          const off = (got[i] ?? 0) / (due[i] ?? 1) - 1;
          options.progress(`${name}: ${percent(got[i] ?? 0)} of the tokens, ${percent(due[i] ?? 0)} of the speed`);
          return Math.abs(off) <= spreadTolerance
            ? []
            : [`the share of ${name} differs by ${percent(off)} from its share of the speed`];
        });
      },
    ),
};

const killed: FleetScenario = {
  name: "workers-killed",
  what: "workers are killed with SIGKILL in turn, and started again",
  async run(options) {
    let ran: readonly Worker[] = [];
    return await swarmOf(
      options,
      async ({ workers }, swarm) => void (ran = await killInTurn(workers, killsOf(options), swarm)),
      async () => continuedProblems(ran, options.progress),
    );
  },
};

const natsRestarted: FleetScenario = {
  name: "nats-restarted",
  what: "nats-server is stopped while jobs run, and started again after two seconds",
  run: async (options) =>
    await swarmOf(options, async ({ nats }, { reaches }) => {
      await reaches(0.2);
      await nats.stop();
      await sleep(natsAwayMs);
      await nats.start();
      options.progress("nats-server was restarted");
    }),
};

const drained: FleetScenario = {
  name: "drain",
  what: "a worker that gets SIGTERM under load exits soon, and its streams continue elsewhere",
  async run(options) {
    let left: number | undefined;
    const drain = async (stage: FleetStage, { over }: SwarmProgress): Promise<void> => {
      const [first] = stage.workers;
      if (first === undefined) return;
      const slots = async () => await first.worker.client.slots();
      await poll("load", async () => over.aborted || (await slots()).every(({ state }) => state !== "idle"));
      if (over.aborted) return;
      const since = stopwatch();
      first.worker.signal("SIGTERM");
      await first.worker.exited;
      left = since();
      options.progress(`with all slots busy, the worker exited in ${seconds(left)}`);
    };
    const problems = await swarmOf(options, drain, async ({ workers }) => {
      const continued = workers
        .slice(1)
        .flatMap(({ worker }) => worker.log.lines.filter(logged("fleet_job_continued")));
      options.progress(`${continued.length} of its streams continued elsewhere`);
      return continued.length > 0 ? [] : ["no stream of the worker continued elsewhere"];
    });
    if (left === undefined) return [...problems, "all requests ended before the worker got SIGTERM"];
    return left <= drainLimitMs ? problems : [...problems, `the worker took ${seconds(left)} to exit`];
  },
};

const gatewayKilled: FleetScenario = {
  name: "gateway-killed",
  what: "a gateway is killed in the middle of a stream, and the client resumes the stream at the other gateway",
  async run({ groups, progress }) {
    await using stage = await startFleet(groups, {
      workers: plans.slice(0, 1).map((plan) => ({ ...plan, stepMs: 25 })),
      gateways: 2,
    });
    await stage.complete();
    const [first, second] = stage.gateways;
    if (first === undefined || second === undefined) return ["the fleet has fewer than two gateways"];
    const request = { prompt: "A stream that outlives its gateway", max_tokens: 200, temperature: 0 };
    const whole = await wholeText(second.url, request);
    const { job_id: id } = await first.client.createJob(request);
    const cut = await openStream({ url: `${first.url}/v1/jobs/${id}/stream` });
    await poll("some tokens", () => cut.judge.tokens.length >= 40);
    await first[Symbol.asyncDispose]();
    await cut.over;
    const seen = cut.judge.tokens.length;
    const since = stopwatch();
    const rest = await openStream({
      url: `${second.url}/v1/jobs/${id}/stream`,
      after: seen - 1,
    });
    const { how } = await rest.over;
    progress(`cut after ${seen} tokens; the rest arrived in ${seconds(since())}`);
    const text = cut.judge.text + rest.judge.text;
    const problems = [...cut.judge.problems, ...rest.judge.problems];
    if (how !== "complete") return [...problems, `the resumed stream is ${how}`];
    return text === whole ? problems : [...problems, "the resumed text differs from the undisturbed one"];
  },
};

/** Long enough for the other worker to take the jobs over, and for the cut-off worker to close its connection. */
const cutOffMs = 14_000;

const cutOff: FleetScenario = {
  name: "cut-off",
  what: "a worker is cut off from the network for a while: another one continues its streams, and the worker notices that",
  async missing() {
    await using machine = await createOtherMachine();
    return machine === undefined
      ? "the right to create a network namespace: run as root, after apt-get install iproute2"
      : undefined;
  },
  async run({ groups, seed, progress }) {
    await using machine = await createOtherMachine();
    if (machine === undefined) throw new Error("Cannot create a network namespace");
    const wanted = wantedOf(12, 500, seed);
    const answers = await learnAnswers(groups, wanted);
    await using nats = await startNats(groups, { address: "0.0.0.0" });
    const flags = ["--backend", "fake", "--slots", "8", "--fake-step-delay", "20ms", "--worker-id"];
    await using here = await startWorker(groups, { flags: [...flags, "here", "--nats-url", nats.url] });
    const far = ["--nats-url", nats.url.replace("127.0.0.1", machine.ourAddress), "--nats-insecure"];
    await using there = await startWorker(groups, {
      command: machine.command(daemonCommand("worker")),
      flags: [...flags, "there", ...far],
    });
    await using gateway = await startGateway(groups, { flags: ["--nats-url", nats.url] });
    await poll("the gateway to know both workers", async () => (await gateway.client.health()).slots.total === 16);
    const outcome = await runSwarm({ gateways: [gateway] }, wanted, answers, async () => {
      await there.log.line("a job on this worker", logged("stream_start"));
      await machine.cut();
      await sleep(cutOffMs);
      await machine.mend();
    });
    progress(
      `${outcome.whole} of ${outcome.requests} whole, longest pause of a stream ${seconds(outcome.longestPauseMs)}`,
    );
    await there.log.line("the loss of its jobs", logged("fleet_job_lost_to_another_worker"), { limitMs: 30_000 });
    const continued = here.log.lines.filter(logged("fleet_job_continued")).length;
    progress(`the other worker continued ${continued} streams`);
    return continued > 0 ? outcome.wrong : [...outcome.wrong, "the other worker continued no stream"];
  },
};

async function wholeText(url: string, body: object): Promise<string> {
  const stream = await openStream({ url: `${url}/v1/inference`, body });
  const { how } = await stream.over;
  if (how !== "complete") throw new Error(`Cannot read the undisturbed text: the stream is ${how}`);
  return stream.judge.text;
}

export const fleetScenarios: readonly FleetScenario[] = [
  undisturbed,
  killed,
  natsRestarted,
  drained,
  gatewayKilled,
  ...gatewayScenarios,
  cutOff,
  returned,
  ...pictureScenarios,
];

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
