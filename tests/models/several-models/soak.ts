// Owns a soak: clients send requests for random models to a worker that can load two of them, an engine is killed midway, and results are checked.
import {
  createRandom,
  departure,
  poll,
  startWorker,
  stopwatch,
  until,
  type LeftoverCheck,
  type ProcessGroups,
  type Random,
  type Worker,
  type WorkerSpec,
} from "@waggle/testing/harness";
import { ask, type Asked, type Outcome } from "./ask.ts";
import { auditUnloads, isDeath } from "./audit.ts";
import { killOne } from "./kill.ts";
import { learn, type Learned } from "./learn.ts";
import { watchEngines } from "./memory.ts";
import { atOnce, soakFlags, writeSoakModels, type SoakModel, type SoakModels } from "./soak-models.ts";

export interface SoakOptions {
  readonly requests: number;
  readonly clients: number;
  readonly seed: number;
  /** Limit of the worker: two loaded models, or the memory of the two largest models. */
  readonly limit: "models" | "memory";
  readonly groups: ProcessGroups;
  readonly leftovers: LeftoverCheck;
  readonly interrupted: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface ModelFigures {
  readonly model: string;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly loads: number;
  readonly unloads: number;
  /** Memory that the worker reports for the model; undefined if the worker does not know it. */
  readonly reported_mib: number | undefined;
  /** Resident memory of the engine with this model alone. */
  readonly alone_mib: number;
}

export interface SoakFigures {
  readonly requests: number;
  readonly duration_s: number;
  readonly killed: string;
  /** Models that were unloaded while they had jobs. */
  readonly busy_unloads: number;
  /** The memory budget; undefined with a limit of two loaded models. */
  readonly budget_mib: number | undefined;
  /** Sum for the two models with the most resident memory, each measured alone. */
  readonly two_alone_mib: number;
  readonly most_engines_mib: number;
  readonly most_engines: number;
  readonly models: readonly ModelFigures[];
  readonly failures: readonly string[];
}

const abortedShare = 0.2;
/** Of every 200 requests, 16 in a row ask for long answers, so that models must be unloaded while they are busy. */
const longAnswers = { every: 200, from: 100, count: 16 };
const mebibyte = 1_048_576;
const idleLimitMs = 60_000;
const leaveLimitMs = 60_000;

/** @throws Error when a worker does not start, or when a model alone cannot be loaded or does not answer */
export async function runSoak(options: SoakOptions): Promise<SoakFigures> {
  const models = writeSoakModels();
  const learned = await learnAlone(models, options);
  options.progress(`measured each of ${models.all.length} models alone`);
  const budgetMib = options.limit === "memory" ? budgetOf(learned) : undefined;
  const limit =
    budgetMib === undefined ? ["--max-loaded-models", String(atOnce)] : ["--memory-budget", `${budgetMib}MiB`];
  await using worker = await start(models, limit, options);
  return await soak(worker, models, { ...options, learned, budgetMib });
}

async function start(models: SoakModels, more: readonly string[], options: SoakOptions): Promise<Worker> {
  // A worker with several models loads none before the first request.
  const spec: WorkerSpec = {
    flags: [...soakFlags, ...models.flags, ...more],
    loading: true,
    onUnexpectedExit(daemon, exit) {
      for (const line of [departure(daemon, exit, "it was stopped"), ...daemon.log.explanation()])
        options.progress(line);
    },
  };
  const worker = await until(startWorker(options.groups, spec), options.interrupted);
  await options.leftovers.observe([worker.pid]);
  return worker;
}

async function learnAlone(models: SoakModels, options: SoakOptions): Promise<Learned> {
  await using worker = await start(models, ["--max-loaded-models", "1"], options);
  const learned = await learn(worker, models);
  await worker.stop(leaveLimitMs);
  return learned;
}

/** Memory budget for the two largest models, in MiB. @throws Error if the worker does not know the memory of a model */
function budgetOf({ reportedBytes }: Learned): number {
  const known = [...reportedBytes.values()].filter((bytes) => bytes !== undefined);
  if (known.length < reportedBytes.size)
    throw new Error("Cannot set a memory budget for two models: the worker does not know the memory of each model");
  return Math.ceil(twoLargest(known) / mebibyte);
}

interface Stage extends SoakOptions {
  readonly learned: Learned;
  readonly budgetMib: number | undefined;
}

async function soak(worker: Worker, models: SoakModels, stage: Stage): Promise<SoakFigures> {
  const { learned, budgetMib } = stage;
  const elapsed = stopwatch();
  const memory = watchEngines(worker);
  const { asked, killed } = await askAll(worker, models, stage);
  const failures = [...asked.flatMap((one) => one.failures), ...(await afterwards(worker))];
  await memory.stop();
  const loads = await loadsOf(worker);
  await stage.leftovers.observe([worker.pid]);
  const exit = await worker.stop(leaveLimitMs);
  if (exit?.code !== 0) failures.push(`the worker exited with ${exit?.code ?? "no code"} after SIGTERM`);
  const { unloads, busy, failures: unexplained } = auditUnloads(worker.log.lines, ["memory"]);
  const deaths = worker.log.lines.filter(isDeath).length;
  if (deaths !== 1) failures.push(`${deaths} engines died; one of them was killed by the test`);
  if (budgetMib !== undefined && memory.mostMib > budgetMib)
    failures.push(`the engines held ${memory.mostMib} MiB of ${budgetMib} MiB`);
  return {
    requests: asked.length,
    duration_s: Math.round(elapsed() / 1_000),
    killed: killed ?? "none",
    busy_unloads: busy,
    budget_mib: budgetMib,
    two_alone_mib: Math.round(twoLargest([...learned.aloneMib.values()])),
    most_engines_mib: memory.mostMib,
    most_engines: memory.mostEngines,
    models: models.all.map(({ name }) => ({
      model: name,
      outcomes: outcomesOf(asked.filter((one) => one.model === name)),
      loads: loads.get(name) ?? 0,
      unloads: unloads.get(name) ?? 0,
      reported_mib: mib(learned.reportedBytes.get(name)),
      alone_mib: learned.aloneMib.get(name) ?? 0,
    })),
    failures: [...failures, ...unexplained],
  };
}

async function askAll(
  worker: Worker,
  models: SoakModels,
  { requests, clients, seed, interrupted, progress, learned }: Stage,
): Promise<{ readonly asked: readonly Asked[]; readonly killed: string | undefined }> {
  const random = createRandom(seed, "soak");
  const elapsed = stopwatch();
  const running = new Map<string, number>();
  const asked: Asked[] = [];
  let next = 0;
  let killing: Promise<void> | undefined;
  let killed: string | undefined;
  let isOver = false;

  async function one({ number, ...request }: Planned): Promise<void> {
    interrupted.throwIfAborted();
    if (number === Math.floor(requests / 2)) {
      const onKill = (name: string): void => void (killed = name);
      killing = killOne(worker, running, interrupted, onKill).finally(() => (isOver = true));
    }
    asked.push(
      await ask({
        ...{ ...request, url: worker.url, marks: learned.marks },
        random: createRandom(seed, String(number)),
        wasKilled: (name) => killed === name,
        isDeathKnown: () => isOver,
        onRunning: (name, change) => running.set(name, (running.get(name) ?? 0) + change),
      }),
    );
    if (asked.length % 100 === 0)
      progress(`${asked.length} of ${requests} requests in ${Math.round(elapsed() / 1_000)} s`);
  }

  /** Sends more requests than planned until the kill is over, so that a busy engine can be found. */
  async function client(): Promise<void> {
    while (next < requests || !isOver) await one(planned(next++, models.all, random));
  }

  await Promise.all(Array.from({ length: clients }, client));
  await killing;
  return { asked, killed };
}

interface Planned {
  readonly number: number;
  readonly model: SoakModel;
  readonly aborts: boolean;
  readonly long: boolean;
}

function planned(number: number, models: readonly SoakModel[], random: Random): Planned {
  const model = random.pick(models);
  const at = (number % longAnswers.every) - longAnswers.from;
  const long = model.isLong && at >= 0 && at < longAnswers.count;
  return { number, model, aborts: random.next() < abortedShare, long };
}

/** Checks that all slots and the queue are empty. */
async function afterwards({ client }: Worker): Promise<string[]> {
  const idle = async (): Promise<boolean> => {
    const { slots, queue } = await client.health();
    return slots.busy + queue.depth === 0;
  };
  return await poll("the worker to be idle", idle, idleLimitMs).then(
    () => [],
    () => ["the worker is not idle after the last request"],
  );
}

async function loadsOf({ client }: Worker): Promise<ReadonlyMap<string, number>> {
  return new Map((await client.models.list()).models.map(({ name, loads }) => [name, loads]));
}

function outcomesOf(asked: readonly Asked[]): Record<Outcome, number> {
  const count = (outcome: Outcome): number => asked.filter((one) => one.outcome === outcome).length;
  return { whole: count("whole"), aborted: count("aborted"), lost: count("lost") };
}

function twoLargest(numbers: readonly number[]): number {
  const [first = 0, second = 0] = numbers.toSorted((a, b) => b - a);
  return first + second;
}

const mib = (bytes: number | undefined): number | undefined =>
  bytes === undefined ? undefined : Math.round(bytes / mebibyte);
