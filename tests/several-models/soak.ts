// Owns a soak: clients that ask several models at random of a worker whose memory holds two, an engine killed midway, and what must hold.
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
  /** What the worker is held to: two models, or the memory of the two that take most. */
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
  /** What the worker says that it takes, in MiB; undefined where it does not know. */
  readonly said_mib: number | undefined;
  /** What its engine held when it was alone, in MiB. */
  readonly alone_mib: number;
}

export interface SoakFigures {
  readonly requests: number;
  readonly duration_s: number;
  readonly killed: string;
  /** Models that were unloaded while they had jobs. */
  readonly busy_unloads: number;
  /** Undefined where the worker was held to two models. */
  readonly budget_mib: number | undefined;
  /** Of the two models that hold most, each alone. */
  readonly two_alone_mib: number;
  readonly most_engines_mib: number;
  readonly most_engines: number;
  readonly models: readonly ModelFigures[];
  readonly failures: readonly string[];
}

const abortedShare = 0.2;
/** Now and then all clients ask for long answers at the same time, where a model can give them: then both models leave while they are busy. */
const longAnswers = { every: 200, from: 100, count: 16 };
const mebibyte = 1_048_576;
const idleLimitMs = 60_000;
const leaveLimitMs = 20_000;

/** @throws Error when a worker does not start, or cannot answer for each model alone */
export async function runSoak(options: SoakOptions): Promise<SoakFigures> {
  using models = writeSoakModels();
  const learned = await learnAlone(models, options);
  options.progress(`each of ${models.all.length} models answers alone`);
  const budgetMib = options.limit === "memory" ? budgetOf(learned) : undefined;
  const limit =
    budgetMib === undefined ? ["--max-loaded-models", String(atOnce)] : ["--memory-budget", `${budgetMib}MiB`];
  await using worker = await start(models, limit, options);
  return await soak(worker, models, { ...options, learned, budgetMib });
}

async function start(models: SoakModels, more: readonly string[], options: SoakOptions): Promise<Worker> {
  // With several models none is loaded before somebody asks for it.
  const spec: WorkerSpec = {
    flags: [...soakFlags, ...models.flags, ...more],
    loading: true,
    onUnexpectedExit(daemon, exit) {
      for (const line of [departure(daemon, exit, "it was asked"), ...daemon.log.explanation()]) options.progress(line);
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

/** What the two that take most take, as the worker counts. @throws Error where it does not know */
function budgetOf({ saidBytes }: Learned): number {
  const known = [...saidBytes.values()].filter((bytes) => bytes !== undefined);
  if (known.length < saidBytes.size)
    throw new Error("Cannot hold a worker to the memory of two models: it does not say what each of them takes");
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
  if (exit?.code !== 0) failures.push(`the worker left with ${exit?.code ?? "nothing"} after SIGTERM`);
  const { unloads, busy, failures: unexplained } = auditUnloads(worker.log.lines, ["memory"]);
  const deaths = worker.log.lines.filter(isDeath).length;
  if (deaths !== 1) failures.push(`${deaths} engines have died, of which one was killed`);
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
      said_mib: mib(learned.saidBytes.get(name)),
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

  /** Sends a few more requests where no request was being answered when an engine was to be killed. */
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

/** No request is left waiting, and no slot is held. */
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
