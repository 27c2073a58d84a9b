// Owns one run: a separate worker with the embedded model, four honest clients, a crowd of sixteen clients at the same time, and the measurements.
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { linkSignals, sleep } from "@waggle/async";
import {
  parseUsage,
  poll,
  proveRealness,
  spreadOf,
  startWorker,
  stopwatch,
  until,
  type LeftoverCheck,
  type ProcessGroups,
  type Worker as Subject,
} from "@waggle/testing/harness";
import type { CrowdAnswers, CrowdOptions } from "./crowd.ts";
import { startHonest } from "./honest.ts";
import { memoryFigures, type HostileFigures } from "./verdict.ts";

export interface HostileOptions {
  readonly kind: CrowdOptions["kind"];
  readonly minutes: number;
  readonly seed: number;
  readonly groups: ProcessGroups;
  readonly leftovers: LeftoverCheck;
  /** Aborts the run. */
  readonly interrupted: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Registers tsx in the thread: a thread does not inherit its process's TypeScript loader. */
const crowdEntry = `import("${import.meta.resolve("tsx/esm/api")}").then(({ register }) => {
  register();
  return import("${new URL("crowd.ts", import.meta.url).href}");
});`;
const honestClients = 4;
const crowdClients = 16;
/** Eight slots, a context for long answers, a short wait for jobs without a reader, and a queue long enough for all clients. */
const flags = "--backend llama --slots 8 --context-size 2048 --unclaimed-timeout 2s --queue-capacity 1024".split(" ");
const lookEveryMs = 1_000;
const looksPerLine = 30;
/** Time limit for all jobs to end after all clients have disconnected. */
const idleLimitMs = 10_000;

/** @throws Error when the worker does not start, and the signal's reason when it is interrupted */
export async function runHostile(options: HostileOptions): Promise<HostileFigures> {
  const tokens = Array.from({ length: honestClients + crowdClients }, (_, client) => `token-of-${client}`);
  const folder = await mkdtemp(join(tmpdir(), "waggle-hostile-"));
  const file = join(folder, "tokens");
  await writeFile(file, tokens.map((token) => `${token}:${token}\n`).join(""));
  const given = ["--api-token-file", file, ...flags];
  const starting = startWorker(options.groups, { flags: given, networkMode: true });
  await using worker = await until(starting, options.interrupted);
  await options.leftovers.observe([worker.pid]);
  return await measure(worker, options, tokens);
}

async function measure(worker: Subject, options: HostileOptions, tokens: readonly string[]): Promise<HostileFigures> {
  const { kind, seed, minutes, interrupted, progress } = options;
  const over = new AbortController();
  void worker.exited.then(() => over.abort());
  const elapsed = stopwatch();
  const honest = startHonest(worker.url, tokens.slice(0, honestClients), linkSignals(over.signal, interrupted));
  const workerData: CrowdOptions = { kind, url: worker.url, tokens: tokens.slice(honestClients), seed };
  const crowd = new Worker(crowdEntry, { eval: true, workerData, execArgv: [] });
  const failures: string[] = [];
  let answers: CrowdAnswers = {};
  crowd.on("message", (sent: CrowdAnswers) => (answers = sent));
  crowd.on("error", (error) => {
    failures.push(`the crowd's thread failed: ${error.message}`);
    over.abort();
  });
  const memory = { worker: [] as number[], engine: [] as number[] };
  try {
    for (let look = 1; elapsed() < minutes * 60_000 && !over.signal.aborted; look += 1) {
      await sleep(lookEveryMs, { signal: interrupted });
      memory.worker.push(await rssMib(worker.pid));
      memory.engine.push(await rssMib(worker.enginePid()));
      if (look % looksPerLine !== 0) continue;
      const held = Object.entries(memory).map(([name, mib]) => `${name} ${Math.round(mib.at(-1) ?? 0)} MiB`);
      const seen = `${honest.streams} streams, ${honest.failures.length} failures; ${held.join(", ")}`;
      progress(`${kind} ${(elapsed() / 60_000).toFixed(1)} of ${minutes} min: ${seen}`);
    }
  } finally {
    over.abort();
    await crowd.terminate();
  }
  await honest.over;
  const realness = proveRealness(honest.answers);
  const state = await lastLook(worker);
  if (state === undefined) failures.push("the worker has exited, or does not answer");
  return {
    kind,
    duration_s: Math.round(elapsed() / 1_000),
    streams: honest.streams,
    gap_ms: spreadOf(honest.gapsMs),
    accepted_ms: spreadOf(honest.acceptedMs),
    first_token_ms: spreadOf(honest.firstTokensMs),
    lag_ms: realness.lagMs,
    failures: [...honest.failures, ...realness.failures, ...failures],
    worker: memoryFigures(memory.worker),
    engine: memoryFigures(memory.engine),
    engine_deaths: state?.engine.deaths ?? 0,
    jobs_left: state === undefined ? 0 : state.slots.busy + state.queue.depth,
    answers,
  };
}

type Health = Awaited<ReturnType<Subject["client"]["health"]>>;

/** The worker's health when it is idle, or at the time limit; undefined if the worker does not answer. */
async function lastLook({ client }: Subject): Promise<Health | undefined> {
  const idle = async (): Promise<Health | false> => {
    const health = await client.health();
    return health.slots.busy + health.queue.depth === 0 && health;
  };
  return poll("the worker to be idle", idle, idleLimitMs).catch(() => client.health().catch(() => undefined));
}

/** Resident memory; 0 for a process that has exited, and without /proc. */
async function rssMib(pid: number): Promise<number> {
  return parseUsage(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")).rssMiB;
}
