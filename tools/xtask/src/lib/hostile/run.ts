// Owns one run: a worker of its own with the embedded model, four honest streams in a loop, a crowd beside them, and what was measured.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { linkSignals, sleep } from "@waggle/async";
import {
  parseUsage,
  round,
  startWorker,
  stopwatch,
  until,
  type LeftoverCheck,
  type ProcessGroups,
  type Worker as Subject,
} from "@waggle/harness";
import type { CrowdAnswers, CrowdOptions } from "./crowd.ts";
import { startHonest, type Honest } from "./honest.ts";
import { memoryFigures, type HostileFigures } from "./verdict.ts";

export interface HostileOptions {
  readonly kind: CrowdOptions["kind"];
  readonly minutes: number;
  readonly seed: number;
  readonly groups: ProcessGroups;
  readonly leftovers: LeftoverCheck;
  readonly workerFlags: readonly string[];
  /** Aborts when the run is to end at once. */
  readonly interrupted: AbortSignal;
  readonly progress: (line: string) => void;
}

/** A thread does not inherit the loader of TypeScript that its process was started with. */
const crowdEntry = `import("${import.meta.resolve("tsx/esm/api")}").then(({ register }) => {
  register();
  return import("${new URL("crowd.ts", import.meta.url).href}");
});`;
const honestClients = 4;
const crowdClients = 16;
/** Eight jobs side by side, a context long enough for long answers, no long wait for readers that never come, and a queue for all. */
const flags = "--backend llama --slots 8 --context-size 2048 --unclaimed-timeout 2s --queue-capacity 1024".split(" ");
const lookEveryMs = 1_000;
const linesPerRun = 60;
const leastLineMs = 5_000;
/** When everybody has gone, a job may take this long to notice. */
const idleLimitMs = 10_000;

/** @throws Error when the worker does not start, and the signal's reason when it is interrupted */
export async function runHostile(options: HostileOptions): Promise<HostileFigures> {
  const names = (what: string, count: number): string[] =>
    Array.from({ length: count }, (_, n) => `${what}-token-${n}`);
  const [honestTokens, crowdTokens] = [names("honest", honestClients), names("crowd", crowdClients)];
  const folder = await mkdtemp(join(tmpdir(), "waggle-hostile-"));
  try {
    const file = join(folder, "tokens");
    await writeFile(file, [...honestTokens, ...crowdTokens].map((token) => `${token}:${token}\n`).join(""));
    const given = ["--api-token-file", file, ...flags, ...options.workerFlags];
    const starting = startWorker(options.groups, { flags: given, networkMode: true });
    await using worker = await until(starting, options.interrupted);
    await options.leftovers.observe([worker.pid]);
    return await measure(worker, options, { honestTokens, crowdTokens });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  worker: Subject,
  options: HostileOptions,
  tokens: { readonly honestTokens: readonly string[]; readonly crowdTokens: readonly string[] },
): Promise<HostileFigures> {
  const { kind, seed, minutes, interrupted } = options;
  const over = new AbortController();
  void worker.exited.then(() => over.abort(new Error("the worker left")));
  const elapsed = stopwatch();
  const honest = startHonest(worker.url, tokens.honestTokens, linkSignals(over.signal, interrupted));
  const workerData: CrowdOptions = { kind, url: worker.url, tokens: tokens.crowdTokens, seed };
  const crowd = new Worker(crowdEntry, { eval: true, workerData });
  const failures: string[] = [];
  let answers: CrowdAnswers = {};
  crowd.on("message", (told: CrowdAnswers) => (answers = told));
  crowd.on("error", (error) => failures.push(`the crowd broke: ${error.message}`));
  const enginePid = worker.enginePid();
  const memory = { worker: [] as number[], engine: [] as number[] };
  const lineMs = Math.max(leastLineMs, (minutes * 60_000) / linesPerRun);
  try {
    for (let lineAt = lineMs; elapsed() < minutes * 60_000 && !over.signal.aborted;) {
      await sleep(lookEveryMs, { signal: interrupted });
      memory.worker.push(await rssMib(worker.pid));
      memory.engine.push(await rssMib(worker.enginePid()));
      if (elapsed() < lineAt) continue;
      lineAt += lineMs;
      options.progress(progressOf(options, elapsed(), honest, memory));
    }
  } finally {
    over.abort(new Error("the run is over"));
    await crowd.terminate();
  }
  await honest.over;
  const state = await lastLook(worker);
  if (state === undefined) failures.push("the worker left, or answers no more");
  else if (worker.enginePid() !== enginePid) failures.push("the engine is another one");
  return {
    kind,
    duration_s: Math.round(elapsed() / 1_000),
    streams: honest.streams,
    tokens: honest.tokens,
    gap_p50_ms: honest.gaps.percentile(0.5),
    gap_p99_ms: honest.gaps.percentile(0.99),
    gap_longest_ms: round(honest.gaps.longestMs),
    first_token_longest_ms: round(honest.longestFirstTokenMs),
    failures: [...honest.failures, ...failures],
    worker: memoryFigures(memory.worker),
    engine: memoryFigures(memory.engine),
    engine_starts: state?.engine.starts ?? 0,
    engine_deaths: state?.engine.deaths ?? 0,
    jobs_left: state === undefined ? 0 : state.slots.busy + state.queue.depth,
    answers,
  };
}

type Health = Awaited<ReturnType<Subject["client"]["health"]>>;

/** When it is idle, or when it should have been; undefined when nobody answers. */
async function lastLook(worker: Subject): Promise<Health | undefined> {
  const elapsed = stopwatch();
  for (let seen: Health | undefined; ; await sleep(lookEveryMs / 10)) {
    seen = await worker.client.health().catch(() => seen);
    const idle = seen !== undefined && seen.slots.busy + seen.queue.depth === 0;
    if (idle || elapsed() > idleLimitMs) return seen;
  }
}

/** 0 for a process that is gone, and where there is no /proc. */
async function rssMib(pid: number): Promise<number> {
  return parseUsage(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")).rssMiB;
}

function progressOf(
  { kind, minutes }: HostileOptions,
  elapsedMs: number,
  { streams, tokens, gaps, failures }: Honest,
  memory: { readonly worker: readonly number[]; readonly engine: readonly number[] },
): string {
  const mib = (samples: readonly number[]): string => `${Math.round(samples.at(-1) ?? 0)} MiB`;
  const seen = `${streams} streams, ${tokens} tokens, longest gap ${Math.round(gaps.longestMs)} ms, ${failures.length} failures`;
  const held = `worker ${mib(memory.worker)}, engine ${mib(memory.engine)}`;
  return `${kind} ${(elapsedMs / 60_000).toFixed(1)} of ${minutes} min: ${seen}; ${held}`;
}
