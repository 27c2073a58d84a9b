// Owns the swarm: many parallel requests through all gateways of a fleet, during a fault. Each answer is compared with that of an undisturbed worker.
import {
  inLanes,
  logged,
  poll,
  startWorker,
  sum,
  type FleetStage,
  type FleetWorker,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import { ask, clientOf, promptsOf, type Completion, type Wanted } from "./ask.ts";

export interface SwarmOutcome {
  readonly requests: number;
  /** Answers without a problem. */
  readonly whole: number;
  /** Answers with the undisturbed worker's text. */
  readonly equal: number;
  /** Problems of the other requests, ten at most. */
  readonly wrong: readonly string[];
  readonly tookMs: number;
  /** Longest time without an event in a stream that had begun. */
  readonly longestPauseMs: number;
}

export const fakeFlags = ["--backend", "fake", "--slots", "16"];

/**
 * Gets the answers of an undisturbed worker.
 * @param flags of that worker
 */
export async function learnAnswers(
  groups: ProcessGroups,
  wanted: readonly Wanted[],
  flags: readonly string[] = fakeFlags,
): Promise<readonly Completion[]> {
  const worker = await startWorker(groups, { flags: [...flags, "--queue-capacity", "4096"] });
  try {
    // Nothing is tested yet, so the client may retry connections that a busy machine drops.
    const client = clientOf(worker.url, 3);
    const outcomes = await inOrder(32, wanted, async (one) => await ask(client, one));
    const broken = outcomes.find(({ finish }) => finish !== "length");
    if (broken !== undefined) throw new Error(`Cannot get the answers: ${broken.error ?? "one is incomplete"}`);
    return outcomes;
  } finally {
    await worker[Symbol.asyncDispose]();
  }
}

/** How far a swarm is. */
export interface SwarmProgress {
  /** Aborts when the last answer has ended. */
  readonly over: AbortSignal;
  /** Resolves when this share of the answers has ended. */
  reaches(share: number): Promise<void>;
}

/** Sends all requests at the same time, evenly to all gateways, and runs `meanwhile`. */
export async function runSwarm(
  stage: Pick<FleetStage, "gateways">,
  wanted: readonly Wanted[],
  answers: readonly Completion[],
  meanwhile: (progress: SwarmProgress) => Promise<void> = async () => {},
): Promise<SwarmOutcome> {
  const clients = stage.gateways.map(({ url }) => clientOf(url));
  const over = new AbortController();
  const startedAt = performance.now();
  let ended = 0;
  const reaches = async (share: number): Promise<void> =>
    void (await poll("answers", () => ended >= share * wanted.length, swarmLimitMs));
  const disturbance = meanwhile({ over: over.signal, reaches });
  // The error of `meanwhile` is thrown below, when all answers have ended.
  disturbance.catch(() => {});
  const outcomes = await Promise.all(
    wanted.map(async (one, i) => await ask(clients[i % clients.length] as never, one).finally(() => (ended += 1))),
  );
  const tookMs = performance.now() - startedAt;
  over.abort();
  await disturbance;
  const equal = outcomes.filter(({ text }, i) => text === answers[i]?.text).length;
  const wrong = outcomes.flatMap((one, i) => completionProblems(one, answers[i], i));
  return {
    requests: wanted.length,
    whole: wanted.length - wrong.length,
    equal,
    wrong: wrong.slice(0, 10),
    tookMs,
    longestPauseMs: Math.max(...outcomes.map(longestPause)),
  };
}

/**
 * Kills each of the workers in turn, when another part of the answers has ended, and starts it again. At least one worker stays, so that answers end.
 * @returns the processes that ran
 */
export async function killInTurn(
  victims: readonly FleetWorker[],
  kills: number,
  { over, reaches }: SwarmProgress,
): Promise<readonly Worker[]> {
  const ran = victims.map(({ worker }) => worker);
  const returning: Promise<void>[] = [];
  for (let next = 0; next < kills; next += 1) {
    await reaches((next + 1) / (kills + 2));
    const victim = victims[next % victims.length];
    await poll(
      "the other workers to be back",
      () => over.aborted || victims.every(({ starting }) => !starting),
      swarmLimitMs,
    );
    if (over.aborted || victim === undefined) break;
    await poll("a stream of the worker", async () => over.aborted || (await hasOutput(victim.worker)), swarmLimitMs);
    await victim.kill();
    returning.push(victim.start().then(() => void ran.push(victim.worker)));
  }
  await Promise.all(returning);
  return ran;
}

const hasOutput = async ({ client }: Worker): Promise<boolean> =>
  (await client.slots()).some(({ tokens }) => tokens > 0);

/** Number of streams that another worker continued, or a problem if no worker continued one. */
export function continuedProblems(ran: readonly Worker[], progress: (line: string) => void): readonly string[] {
  const continued = ran.flatMap(({ log }) => log.lines.filter(logged("fleet_job_continued"))).length;
  progress(`${ran.length} processes of workers ran; ${continued} streams continued elsewhere`);
  return continued > 0 ? [] : ["no stream was continued: increase the number of requests"];
}

/** Ends a swarm that hangs. */
const swarmLimitMs = 600_000;
const settleLimitMs = 60_000;

/** Returns a problem if jobs remain in the fleet's queue, or pictures in its store. */
export async function leftIn({ nats }: Pick<FleetStage, "nats">): Promise<readonly string[]> {
  const problems = ["WAGGLE_JOBS", "WAGGLE_PICTURES"].map(async (stream) => {
    try {
      await poll(`${stream} to be empty`, async () => (await nats.messagesIn(stream)) === 0, settleLimitMs);
      return [];
    } catch {
      return [`${await nats.messagesIn(stream)} messages remain in ${stream}`];
    }
  });
  return (await Promise.all(problems)).flat();
}

export function wantedOf(count: number, maxTokens: number, seed: number): readonly Wanted[] {
  return promptsOf(count, seed).map((prompt) => ({ prompt, maxTokens }));
}

/** An answer equal to the undisturbed one has no gap and no repetition. It may differ from a place on where two tokens were equally likely up to rounding. */
function completionProblems(
  { text, finish, error }: Completion,
  answer: Completion | undefined,
  index: number,
): string[] {
  const { text: expected = "", ties = [] } = answer ?? {};
  if (error !== undefined) return [`request ${index}: ${error}, after ${text.length} of ${expected.length} characters`];
  if (finish !== "length") return [`request ${index}: it ended as ${finish ?? "nothing"}`];
  if (text === expected) return [];
  let at = 0;
  while (text[at] === expected[at]) at += 1;
  if (ties.some(({ from, to }) => from <= at && at < to)) return [];
  return [`request ${index}: the text differs from character ${at} of ${expected.length} on`];
}

function longestPause({ arrivals }: Completion): number {
  return arrivals.reduce((longest, at, i) => Math.max(longest, at - (arrivals[i - 1] ?? at)), 0);
}

/** Number of tokens that each worker has generated so far. */
export async function tokensByWorker(stage: FleetStage): Promise<readonly number[]> {
  return await Promise.all(
    stage.workers.map(async ({ worker }) => (await worker.metrics()).sum("waggle_tokens_generated_total")),
  );
}

/** Mean time of each worker from the start of a step to the start of the next one, in seconds. A busy machine lengthens it. */
export async function stepSecondsByWorker(stage: FleetStage): Promise<readonly number[]> {
  return await Promise.all(
    stage.workers.map(async ({ worker }) => {
      const metrics = await worker.metrics();
      const seconds = metrics.sum("waggle_step_seconds_sum") + metrics.sum("waggle_step_gap_seconds_sum");
      return seconds / metrics.sum("waggle_step_seconds_count");
    }),
  );
}

/** Each count's share of the sum. */
export function sharesOf(counts: readonly number[]): readonly number[] {
  const total = sum(counts);
  return counts.map((count) => count / total);
}

async function inOrder<T, R>(lanes: number, items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  await inLanes(lanes, items.entries(), async ([i, item]) => {
    answers[i] = await run(item);
  });
  return answers;
}
