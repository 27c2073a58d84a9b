// Owns the jobs that together need more than the context pool, one long and seven short, and the worker that runs them.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GenerateRequestInput, StreamEvent } from "@waggle/protocol";
import {
  endingOf,
  incompleteness,
  isToken,
  openStream,
  startWorker,
  times,
  type LiveStream,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import { shapeNamed, writeRandomModel, writeSinglePrecision, type ModelShape } from "@waggle/testing/models";
import { isLong, limitMs, say } from "../support/long.ts";
import { marginOf, tieMargin } from "../support/margin.ts";

/** The request of a job, without its id. */
type Job = Pick<GenerateRequestInput, "prompt" | "max_tokens"> & typeof sampling;

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
/** The penalty keeps a made-up model from repeating itself. The most probable token rarely depends on rounding. */
const sampling = {
  temperature: 0,
  repeat_penalty: 1.3,
  repeat_last_n: 256,
  ignore_eos: true,
  repetition_limit: 0,
} as const;

/** All prompts fit together, with 256 cells for the next tokens of each job. Then the answers grow beyond the pool. */
const sizes: Sizes = isLong
  ? { shape: shapeNamed("15m"), context: 33_000, pool: 40_000, long: [24_000, 8_000], short: [1_000, 5_000] }
  : {
      shape: { ...shapeNamed("15m"), layers: 2, width: 64, heads: 4, kvHeads: 4, feedForward: 128, vocabulary: 1_024 },
      ...{ context: 2_304, pool: 4_096, long: [1_000, 1_000], short: [40, 600] },
    };

/** Starts a worker with a model in single precision, whose answers hardly depend on what else is in its batches. */
export async function startPoolWorker(groups: ProcessGroups): Promise<PoolWorker> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-pool-"));
  const [random, model] = [join(folder, "q8.gguf"), join(folder, "single.gguf")];
  writeRandomModel({ ...sizes.shape, context: sizes.context }, random);
  writeSinglePrecision(random, model);
  // Guesses are computed in larger matrices, which round differently: an answer with guesses may differ at a near tie from the one without.
  const context = ["--guesses", "off", "--context-size", String(sizes.context), "--context-pool", String(sizes.pool)];
  const flags = ["--backend", "llama", "--model", model, "--slots", String(slots), ...context];
  const worker = await startWorker(groups, { flags });
  const perWord = (await promptTokenCount(worker, words(1_000, 0))) / 1_000;
  const jobs = await times(slots, async (index): Promise<Job> => {
    const [promptTokens, maxTokens] = index === 0 ? sizes.long : sizes.short;
    return { ...sampling, prompt: words(Math.floor(promptTokens / perWord), index + 1), max_tokens: maxTokens };
  });
  return {
    worker,
    jobs,
    [Symbol.asyncDispose]: worker[Symbol.asyncDispose],
  };
}

/** Whether the slots share the context: with the library's binding, each has a separate part. */
export async function sharesContext({ client }: Worker): Promise<boolean> {
  const { context_size: context = 0, context_pool: pool } = await client.info();
  return pool !== undefined && pool < slots * context;
}

let runs = 0;

/** Sends a job. A parked job is silent until the others leave room for it. */
export async function run({ worker, jobs }: PoolWorker, index: number): Promise<Run> {
  const jobId = `job-${index}-${(runs += 1)}`;
  const body = { ...jobs[index], job_id: jobId };
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

/** Resolves with what is wrong with an ended stream that has to be whole, and to have the same tokens as the job has alone, up to ties. */
export async function wrongIn(
  { worker, jobs }: PoolWorker,
  { index, stream }: Run,
  alone: Run,
): Promise<readonly string[]> {
  const { how, reason } = await stream.over;
  const { judge } = stream;
  const wrong = incompleteness(judge, how === "complete" ? undefined : reason);
  if (endingOf(judge.terminal) !== "length") wrong.push(`its end is ${endingOf(judge.terminal)}`);
  const [own, ids] = [idsOf(stream), idsOf(alone.stream)];
  const at = own.findIndex((id, place) => id !== ids[place]);
  if (at !== -1) {
    const margin = await marginOf(worker, { request: jobs[index] as Job, ids, at, other: own[at] as number });
    const difference = `token ${at} of ${ids.length} is ${own[at]} instead of ${ids[at]}, by a margin of ${margin}`;
    say(`job ${index}: ${difference}`);
    if (margin >= tieMargin) wrong.push(difference);
  }
  return wrong.map((one) => `job ${index}: ${one}`);
}

function idsOf({ events }: LiveStream): readonly number[] {
  return events.filter(isToken).flatMap(({ ids = [] }) => ids);
}

/** Words that differ from the first one on, so that no two jobs share a prefix. */
function words(count: number, round: number): string {
  return Array.from({ length: count }, (_, i) => (i * 7 + round * 13) % 1_000).join(" ");
}

async function promptTokenCount({ url }: Worker, content: string): Promise<number> {
  const answer = await fetch(`${url}/tokenize`, { method: "POST", body: JSON.stringify({ content }) });
  return ((await answer.json()) as { tokens: readonly number[] }).tokens.length;
}
