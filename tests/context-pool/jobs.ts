// Owns the jobs that together need more than the context pool, one long and seven short, and the worker that runs them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StreamEvent } from "@waggle/protocol";
import {
  endingOf,
  incompleteness,
  openStream,
  startWorker,
  times,
  type LiveStream,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import { shapeNamed, writeRandomModel, writeSinglePrecision, type ModelShape } from "@waggle/testing/models";
import { isLong, limitMs } from "../support/long.ts";

interface Job {
  readonly prompt: string;
  readonly maxTokens: number;
}

/** A job with its stream. */
export interface Run {
  /** Index of the job. */
  readonly index: number;
  readonly jobId: string;
  readonly stream: LiveStream;
}

export interface PoolWorker extends AsyncDisposable {
  readonly worker: Worker;
  readonly jobs: readonly Job[];
}

interface Sizes {
  readonly shape: ModelShape;
  readonly context: number;
  readonly pool: number;
  /** Tokens of prompt and answer of the long job, and of each short one. */
  readonly long: readonly [prompt: number, answer: number];
  readonly short: readonly [prompt: number, answer: number];
}

export const slots = 8;

/** All prompts fit together, with 256 cells for the next tokens of each job. Then the answers grow beyond the pool. */
const sizes: Sizes = isLong
  ? { shape: shapeNamed("15m"), context: 33_000, pool: 40_000, long: [24_000, 8_000], short: [1_000, 5_000] }
  : {
      shape: { ...shapeNamed("15m"), layers: 2, width: 64, heads: 4, kvHeads: 4, feedForward: 128, vocabulary: 1_024 },
      ...{ context: 2_304, pool: 4_096, long: [1_000, 1_000], short: [40, 600] },
    };

/** Starts a worker with a model in single precision, which answers the same whatever else is in its batches. */
export async function startPoolWorker(groups: ProcessGroups): Promise<PoolWorker> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-pool-"));
  const [random, model] = [join(folder, "q8.gguf"), join(folder, "single.gguf")];
  writeRandomModel({ ...sizes.shape, context: sizes.context }, random);
  writeSinglePrecision(random, model);
  const context = ["--context-size", String(sizes.context), "--context-pool", String(sizes.pool)];
  const flags = ["--backend", "llama", "--model", model, "--slots", String(slots), ...context];
  const worker = await startWorker(groups, { flags });
  const perWord = (await tokensOf(worker, words(1_000, 0))) / 1_000;
  const jobs = await times(slots, async (index): Promise<Job> => {
    const [promptTokens, maxTokens] = index === 0 ? sizes.long : sizes.short;
    return { prompt: words(Math.floor(promptTokens / perWord), index + 1), maxTokens };
  });
  return {
    worker,
    jobs,
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether the slots share the context: with the library's binding, each has a part of its own. */
export async function sharesContext({ client }: Worker): Promise<boolean> {
  const { context_size: context = 0, context_pool: pool } = await client.info();
  return pool !== undefined && pool < slots * context;
}

let runs = 0;

/** Sends a job, with the same seed each time. A parked job is silent until the others leave room for it. */
export async function run({ worker, jobs }: PoolWorker, index: number): Promise<Run> {
  const { prompt, maxTokens } = jobs[index] as Job;
  const jobId = `job-${index}-${(runs += 1)}`;
  const sampling = { temperature: 1, seed: 7, ignore_eos: true, repetition_limit: 0 };
  const body = { job_id: jobId, prompt, max_tokens: maxTokens, ...sampling };
  return { index, jobId, stream: await openStream({ url: `${worker.url}/v1/inference`, body, silenceMs: limitMs }) };
}

const isParked = (event: StreamEvent): boolean => event.type === "status" && event.status === "parked";

export function parksOf({ stream }: Run): number {
  return stream.events.filter(isParked).length;
}

/** Resolves with the first job that is parked. @throws Error when every stream ends before */
export function firstParked(all: readonly Run[]): Promise<Run> {
  return Promise.any(all.map((one) => one.stream.event("its parking", isParked, limitMs).then(() => one)));
}

/** Resolves at the stream's end with what is wrong if it has to be whole, with this text. */
export async function wrongIn({ index, stream }: Run, text: string): Promise<readonly string[]> {
  const { how, reason } = await stream.over;
  const { judge } = stream;
  const wrong = incompleteness(judge, how === "complete" ? undefined : reason);
  if (endingOf(judge.terminal) !== "length") wrong.push(`its end is ${endingOf(judge.terminal)}`);
  if (judge.text !== text) wrong.push(`its text differs from character ${differenceOf(judge.text, text)} on`);
  return wrong.map((one) => `job ${index}: ${one}`);
}

function differenceOf(one: string, other: string): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}

/** Words that differ from the first one on, so that no two jobs share a prefix. */
function words(count: number, round: number): string {
  return Array.from({ length: count }, (_, i) => (i * 7 + round * 13) % 1_000).join(" ");
}

async function tokensOf({ url }: Worker, content: string): Promise<number> {
  const answer = await fetch(`${url}/tokenize`, { method: "POST", body: JSON.stringify({ content }) });
  return ((await answer.json()) as { tokens: readonly number[] }).tokens.length;
}
