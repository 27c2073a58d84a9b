// Forecasts when a waiting job gets its first token, and refuses a deadline that ends before that. The forecast uses measurements only: without
// a measurement there is no forecast.
import { WaggleError } from "@waggle/protocol";
import type { Job } from "../job/job.ts";

/** The estimate uses at most this many recent short prompts, and as many long ones. */
const sampleLimit = 16;
/** The time for fewer tokens than this does not depend on their number: they take as long as one step. */
const shortTokens = 32;

export interface ForecastOptions {
  /** Whether an engine is ready. While a model loads there is no forecast, because its load time is unknown. */
  readonly ready: () => boolean;
  /** Milliseconds until this number of jobs has ended; undefined while that is unknown. */
  readonly waitMs: (turns: number) => number | undefined;
}

export interface Forecast {
  /** The first token of a job has arrived: its prompt is computed. */
  prefilled(job: Job): void;
  /**
   * Milliseconds; undefined while a part of it has not been measured.
   * @param position the queue position: 1 is next, 0 has a slot
   */
  firstTokenMs(job: Job, position: number): number | undefined;
  /**
   * @throws WaggleError deadline_exceeded when the client's own deadline ends before the forecast. A job without a forecast is accepted: refusing
   * on a guess would reject jobs that could finish in time.
   */
  refuseLate(job: Job, positionOf: () => number): void;
}

export function createForecast({ ready, waitMs }: ForecastOptions): Forecast {
  const estimate = createFirstTokenEstimate(waitMs);

  function firstTokenMs({ uncachedTokens }: Job, position: number): number | undefined {
    return ready() ? estimate.estimateMs({ position, uncachedTokens }) : undefined;
  }

  return {
    prefilled({ state }) {
      const { promptTokens, cachedTokens, prefillMs } = state.counts;
      estimate.prefilled(promptTokens - cachedTokens, prefillMs);
    },
    firstTokenMs,
    refuseLate(job, positionOf) {
      const { deadlineMs, refusedIfLate } = job.spec;
      if (deadlineMs === undefined || refusedIfLate !== true) return;
      const estimateMs = firstTokenMs(job, positionOf());
      if (estimateMs === undefined || estimateMs <= deadlineMs) return;
      const why = `the first token is expected in ${estimateMs} ms`;
      throw new WaggleError("deadline_exceeded", `Cannot meet the deadline of ${deadlineMs} ms: ${why}.`, {
        details: { estimate_ms: estimateMs },
      });
    },
  };
}

/** Adds the wait for a slot to the time for the prompt, at the rate of recent prompts. It uses counts and durations, not jobs. */
export interface FirstTokenEstimate {
  /** @param tokens the computed tokens of a prompt @param ms the time from getting a slot to the first token */
  prefilled(tokens: number, ms: number): void;
  /** Milliseconds until the first token; undefined while a part of the estimate has not been measured. */
  estimateMs(job: { readonly position: number; readonly uncachedTokens: number | undefined }): number | undefined;
}

/** @param waitMs returns the milliseconds until the job at this position (from 1) gets a slot; undefined while unknown */
export function createFirstTokenEstimate(waitMs: (position: number) => number | undefined): FirstTokenEstimate {
  const short: Sample[] = [];
  const long: Sample[] = [];

  function prefillMs(tokens: number): number | undefined {
    const rate = rateOf(long);
    if (tokens < shortTokens && short.length > 0) return sum(short, "ms") / short.length;
    return rate === undefined ? undefined : tokens / rate;
  }

  return {
    prefilled(tokens, ms) {
      const samples = tokens < shortTokens ? short : long;
      samples.push({ tokens, ms });
      if (samples.length > sampleLimit) samples.shift();
    },
    estimateMs({ position, uncachedTokens }) {
      if (uncachedTokens === undefined) return undefined;
      const waiting = position === 0 ? 0 : waitMs(position);
      const computing = prefillMs(uncachedTokens);
      return waiting === undefined || computing === undefined ? undefined : Math.round(waiting + computing);
    },
  };
}

interface Sample {
  readonly tokens: number;
  readonly ms: number;
}

/** Tokens per millisecond over all samples, so that a long prompt weighs more than a short one. */
function rateOf(samples: readonly Sample[]): number | undefined {
  const ms = sum(samples, "ms");
  return ms > 0 ? sum(samples, "tokens") / ms : undefined;
}

function sum(samples: readonly Sample[], key: keyof Sample): number {
  return samples.reduce((total, sample) => total + sample[key], 0);
}
