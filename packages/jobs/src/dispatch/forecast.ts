// Forecasts waits from the times of recent jobs: when a waiting job gets its first token, whether its deadline can be met, and when a client should
// try again that a full queue has refused.
import { WaggleError } from "@waggle/protocol";
import type { Job } from "../job/job.ts";

/** The forecast uses at most this many recent jobs, recent short prompts, and recent long prompts. */
const samplesKept = 16;
/** Number of ended jobs that a forecast of the wait for a slot needs. */
const leastJobs = 3;
/** A prompt with fewer uncached tokens takes one step, whatever their number. */
const shortTokens = 32;
/**
 * Share of the queue that should be served before a refused client tries again. One entry is free sooner, but if all refused clients tried again
 * then, all but the first would find a full queue again.
 */
const drainShare = 1 / 4;
const minRetryAfterS = 1;
const maxRetryAfterS = 60;

export interface ForecastOptions {
  /** Milliseconds; never decreases. */
  readonly now: () => number;
  /** Whether an engine is ready. While a model loads there is no forecast of a first token, because its load time is unknown. */
  readonly ready: () => boolean;
}

export interface Forecast {
  /** A job has begun to wait in an empty queue. */
  waits(): void;
  /** A job has left the queue for its slots. */
  taken(job: Job): void;
  /** A taken job waits again. */
  putBack(job: Job): void;
  /** The engine has released the job. Jobs that were not taken are ignored. */
  freed(job: Job): void;
  /** The first token of a job has arrived. */
  prefilled(job: Job): void;
  /**
   * The wait for a slot, and the time for the prompt at the rate of recent prompts. Returns the milliseconds until the job's first token, or
   * undefined while a part of the forecast has not been measured.
   * @param position the queue position: 1 is next, 0 has a slot
   */
  firstTokenMs(job: Pick<Job, "uncachedTokens">, position: number): number | undefined;
  /**
   * A job without a forecast is accepted.
   * @throws WaggleError deadline_exceeded when the client chose a deadline that ends before the forecast
   */
  refuseLate(job: Job, positionOf: () => number): void;
  /**
   * Whole seconds, 1 to 60, until a quarter of `depth` jobs is served. When no job has moved for longer than expected (a hung engine, a loading
   * model), that delay is added: the queue is expected to be stuck for as long again.
   */
  retryAfterS(depth: number): number;
}

export function createForecast({ now, ready }: ForecastOptions): Forecast {
  /** When each running job left the queue. */
  const takenAt = new Map<Job, number>();
  const durationsMs: number[] = [];
  const short: Prompt[] = [];
  const long: Prompt[] = [];
  let movedAt = now();

  /** The time between the ends of two jobs, if as many jobs run as now. */
  function intervalMs(): number {
    return durationsMs.length === 0 ? 0 : sum(durationsMs) / durationsMs.length / Math.max(1, takenAt.size);
  }

  function slotMs(position: number): number | undefined {
    if (position === 0) return 0;
    return durationsMs.length < leastJobs ? undefined : position * intervalMs();
  }

  /** A long prompt weighs more in the rate than a short one. */
  function prefillMs(tokens: number): number | undefined {
    if (tokens < shortTokens && short.length > 0) return sum(short.map(({ ms }) => ms)) / short.length;
    const ms = sum(long.map((prompt) => prompt.ms));
    return ms > 0 ? (tokens * ms) / sum(long.map((prompt) => prompt.tokens)) : undefined;
  }

  function firstTokenMs({ uncachedTokens }: Pick<Job, "uncachedTokens">, position: number): number | undefined {
    if (!ready() || uncachedTokens === undefined) return undefined;
    const waiting = slotMs(position);
    const computing = prefillMs(uncachedTokens);
    return waiting === undefined || computing === undefined ? undefined : Math.round(waiting + computing);
  }

  return {
    waits() {
      movedAt = now();
    },
    taken(job) {
      movedAt = now();
      takenAt.set(job, movedAt);
    },
    putBack: (job) => void takenAt.delete(job),
    freed(job) {
      const since = takenAt.get(job);
      if (since === undefined) return;
      takenAt.delete(job);
      movedAt = now();
      keep(durationsMs, movedAt - since);
    },
    prefilled({ state }) {
      const { promptTokens, cachedTokens, prefillMs: ms } = state.counts;
      const tokens = promptTokens - cachedTokens;
      keep(tokens < shortTokens ? short : long, { tokens, ms });
    },
    firstTokenMs,
    refuseLate(job, positionOf) {
      const { deadlineMs, refusedIfLate } = job.spec.when;
      if (deadlineMs === undefined || refusedIfLate !== true) return;
      const estimateMs = firstTokenMs(job, positionOf());
      if (estimateMs === undefined || estimateMs <= deadlineMs) return;
      const why = `the first token is expected in ${estimateMs} ms`;
      throw new WaggleError("deadline_exceeded", `Cannot meet the deadline of ${deadlineMs} ms: ${why}.`, {
        details: { estimate_ms: estimateMs },
      });
    },
    retryAfterS(depth) {
      const stepMs = intervalMs();
      const overdueMs = Math.max(0, now() - movedAt - stepMs);
      const seconds = Math.ceil((Math.max(1, depth * drainShare) * stepMs + overdueMs) / 1_000);
      return Math.min(maxRetryAfterS, Math.max(minRetryAfterS, seconds));
    },
  };
}

interface Prompt {
  /** Number of tokens that were in no cache. */
  readonly tokens: number;
  readonly ms: number;
}

function keep<T>(samples: T[], sample: T): void {
  samples.push(sample);
  if (samples.length > samplesKept) samples.shift();
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
