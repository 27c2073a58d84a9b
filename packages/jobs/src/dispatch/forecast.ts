// Forecasts when a waiting job gets its first token, and refuses a job whose deadline ends before that. There is no forecast without measurements.
import { WaggleError } from "@waggle/protocol";
import type { Job } from "../job/job.ts";

/** The forecast uses at most this many recent short prompts, and this many long ones. */
const sampleLimit = 16;
/** A prompt with fewer uncached tokens takes one step, whatever their number. */
const shortTokens = 32;

export interface ForecastOptions {
  /** Whether an engine is ready. While a model loads there is no forecast, because its load time is unknown. */
  readonly ready: () => boolean;
  /** Returns the milliseconds until the job at this queue position (1 is next) gets a slot; undefined while unknown. */
  readonly waitMs: (position: number) => number | undefined;
}

export interface Forecast {
  /** Records the prompt of a job whose first token has arrived. */
  prefilled(job: Job): void;
  /**
   * Adds the wait for a slot to the time for the prompt, at the rate of recent prompts. Returns the milliseconds until the job's first token, or
   * undefined while a part of the forecast has not been measured.
   * @param position the queue position: 1 is next, 0 has a slot
   */
  firstTokenMs(job: Pick<Job, "uncachedTokens">, position: number): number | undefined;
  /**
   * A job without a forecast is accepted.
   * @throws WaggleError deadline_exceeded when the client chose a deadline that ends before the forecast
   */
  refuseLate(job: Job, positionOf: () => number): void;
}

export function createForecast({ ready, waitMs }: ForecastOptions): Forecast {
  const short: Sample[] = [];
  const long: Sample[] = [];

  function prefillMs(tokens: number): number | undefined {
    const rate = rateOf(long);
    if (tokens < shortTokens && short.length > 0) return sum(short, "ms") / short.length;
    return rate === undefined ? undefined : tokens / rate;
  }

  function firstTokenMs({ uncachedTokens }: Pick<Job, "uncachedTokens">, position: number): number | undefined {
    if (!ready() || uncachedTokens === undefined) return undefined;
    const waiting = position === 0 ? 0 : waitMs(position);
    const computing = prefillMs(uncachedTokens);
    return waiting === undefined || computing === undefined ? undefined : Math.round(waiting + computing);
  }

  return {
    prefilled({ state }) {
      const { promptTokens, cachedTokens, prefillMs: ms } = state.counts;
      const tokens = promptTokens - cachedTokens;
      const samples = tokens < shortTokens ? short : long;
      samples.push({ tokens, ms });
      if (samples.length > sampleLimit) samples.shift();
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
  };
}

interface Sample {
  readonly tokens: number;
  readonly ms: number;
}

/** Returns tokens per millisecond over all samples together, so that a long prompt weighs more than a short one. */
function rateOf(samples: readonly Sample[]): number | undefined {
  const ms = sum(samples, "ms");
  return ms > 0 ? sum(samples, "tokens") / ms : undefined;
}

function sum(samples: readonly Sample[], key: keyof Sample): number {
  return samples.reduce((total, sample) => total + sample[key], 0);
}
