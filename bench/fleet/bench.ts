// Measures a fleet: first token and speed through a gateway compared with the worker alone, the time until a slot is free, and the speed of
// several workers.
import { sleep } from "@waggle/async";
import {
  figuresOf,
  generate,
  median,
  nativeDialect,
  openStream,
  percentile,
  poll,
  startGateway,
  startNats,
  startWorker,
  stopwatch,
  times,
  ttftOf,
  type Gateway,
  type LoadAnswer,
  type NatsServer,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import { alternate, ratioOf } from "../lib/alternate.ts";

export interface BenchOptions {
  readonly groups: ProcessGroups;
  /** The path of the model; undefined for the embedded model. */
  readonly model: string | undefined;
  readonly rounds: number;
  readonly signal: AbortSignal;
}

const prompt = "Once upon a time there was a bee who";
const streams = 8;
/** Step time of the fake worker in `benchRelease`; long compared with the network. */
const slowStepMs = 50;

interface Pair {
  readonly worker: number;
  readonly gateway: number;
}

interface Small extends AsyncDisposable {
  readonly nats: NatsServer;
  readonly workers: readonly Worker[];
  readonly gateway: Gateway;
}

async function startSmall(groups: ProcessGroups, count: number, flags: readonly string[]): Promise<Small> {
  const nats = await startNats(groups);
  const workers: Worker[] = [];
  for (let i = 1; i <= count; i += 1) {
    workers.push(await startWorker(groups, { flags: ["--nats-url", nats.url, "--worker-id", `bee-${i}`, ...flags] }));
  }
  const gateway = await startGateway(groups, { flags: ["--nats-url", nats.url, "--max-streams-per-client", "4096"] });
  await poll("the gateway to know the workers", async () => {
    const { ready, slots } = await gateway.client.health();
    return ready && slots.total === streams * count;
  });
  return {
    nats,
    workers,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      for (const worker of workers) await worker[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
    },
  };
}

function realFlags(model: string | undefined): readonly string[] {
  const own = model === undefined ? [] : ["--model", model];
  return [...own, "--threads", "1", "--slots", String(streams), "--context-size", "512"];
}

/** Milliseconds to the first token of single requests; worker and gateway alternate. */
export async function benchFirstToken({
  groups,
  model,
  rounds,
  signal,
}: BenchOptions): Promise<Pair & { readonly differenceP50: number }> {
  await using small = await startSmall(groups, 1, realFlags(model));
  const targets = targetsOf(small);
  const [worker = [], gateway = []] = await alternate({
    ...{ sides: [targets.worker, targets.gateway], rounds },
    play: async (target, round) =>
      ttftOf(await generate(target, { prompt: `${prompt} ${round}`, maxTokens: 4, seed: round }, { signal })),
  });
  const differences = gateway.map((ms, i) => ms - (worker[i] ?? 0));
  return { worker: median(worker), gateway: median(gateway), differenceP50: median(differences) };
}

/** Tokens per second of eight streams: the medians of worker and gateway, which alternate, and the median ratio of the rounds. */
export async function benchSpeed(
  { groups, model, rounds, signal }: BenchOptions,
  maxTokens: number,
): Promise<Pair & { readonly ratio: number }> {
  await using small = await startSmall(groups, 1, realFlags(model));
  const targets = targetsOf(small);
  const [worker = [], gateway = []] = await alternate({
    ...{ sides: [targets.worker, targets.gateway], rounds },
    play: async (target) => {
      const answers = await times(streams, (seed) => generate(target, { prompt, maxTokens, seed }, { signal }));
      return figuresOf(answers).tokensPerSecond;
    },
  });
  return { worker: median(worker), gateway: median(gateway), ratio: ratioOf(gateway, worker) };
}

function targetsOf({ workers, gateway }: Small): Record<"worker" | "gateway", Parameters<typeof generate>[0]> {
  return {
    worker: { name: "worker", url: workers[0]?.url ?? "", dialect: nativeDialect },
    gateway: { name: "gateway", url: gateway.url, dialect: nativeDialect },
  };
}

/** Tokens per second through one gateway with this many workers of one thread each, and eight streams for each worker. */
export async function benchWorkers(
  { groups, model, rounds, signal }: BenchOptions,
  count: number,
  maxTokens: number,
): Promise<number> {
  await using small = await startSmall(groups, count, realFlags(model));
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const answers: readonly LoadAnswer[] = await times(
      streams * count,
      async (seed) =>
        await generate(targetsOf(small).gateway, { prompt: `${prompt} ${seed}`, maxTokens, seed }, { signal }),
    );
    rates.push(figuresOf(answers).tokensPerSecond);
  }
  return median(rates);
}

/** Milliseconds from a client's action at the gateway until the worker's slot is free; a step takes `slowStepMs`. */
export async function benchRelease({ groups, rounds }: Pick<BenchOptions, "groups" | "rounds">): Promise<
  Readonly<Record<"cancel" | "disconnect" | "supersede", { readonly p50: number; readonly max: number }>> & {
    readonly stepMs: number;
  }
> {
  const fake = ["--backend", "fake", "--slots", String(streams), "--fake-step-delay", `${slowStepMs}ms`];
  await using small = await startSmall(groups, 1, fake);
  const [worker] = small.workers;
  if (worker === undefined) throw new Error("There is no worker");
  const { gateway } = small;
  const free = async (ms: () => number, jobs: number): Promise<number> => {
    await poll("the slot to be free", async () => {
      const { slots } = await worker.client.health();
      return slots.busy <= jobs;
    });
    return ms();
  };
  const begin = async (body: object) => {
    const stream = await openStream({
      url: `${gateway.url}/v1/inference`,
      body: { prompt, max_tokens: 4_000, ...body },
    });
    await stream.event("its first token", ({ type }) => type === "token");
    return stream;
  };
  const found = { cancel: [] as number[], disconnect: [] as number[], supersede: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const cancelled = await begin({ job_id: `c${round}` });
    let since = stopwatch();
    await gateway.client.cancelJob(`c${round}`);
    found.cancel.push(await free(since, 0));
    await cancelled.over;

    const left = await begin({});
    since = stopwatch();
    left.leave();
    found.disconnect.push(await free(since, 0));

    const old = await begin({ session_id: `s${round}` });
    since = stopwatch();
    const next = openStream({
      url: `${gateway.url}/v1/inference`,
      body: { prompt, max_tokens: 1, session_id: `s${round}` },
    });
    await old.over;
    found.supersede.push(since());
    await (
      await next
    ).over;
    await free(since, 0);
    await sleep(10);
  }
  const figures = (values: readonly number[]) => ({ p50: median(values), max: percentile(values, 1) });
  return {
    stepMs: slowStepMs,
    cancel: figures(found.cancel),
    disconnect: figures(found.disconnect),
    supersede: figures(found.supersede),
  };
}
