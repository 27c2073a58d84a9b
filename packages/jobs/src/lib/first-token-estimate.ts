// Owns the estimate of when a job's first token comes: what waits before it, and how long prompts took to compute lately. What has not
// been measured is not estimated. It knows counts and durations, not jobs.

/** Prompts that the estimate looks back on, of each kind. */
const sampleLimit = 16;
/** A shorter piece of a prompt takes as long as a step does, whatever its length. */
const shortTokens = 32;

export interface FirstTokenEstimate {
  /** So many tokens of a prompt were computed, from its slot to its first token. */
  prefilled(tokens: number, ms: number): void;
  /** Milliseconds; undefined while a part of it has not been measured. */
  estimateMs(job: { readonly position: number; readonly uncachedTokens: number | undefined }): number | undefined;
}

/** @param waitMs until the job at this position, from 1, has its slot; undefined when nobody knows */
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

/** Tokens per millisecond, over all of them: a long prompt tells more than a short one. */
function rateOf(samples: readonly Sample[]): number | undefined {
  const ms = sum(samples, "ms");
  return ms > 0 ? sum(samples, "tokens") / ms : undefined;
}

function sum(samples: readonly Sample[], key: keyof Sample): number {
  return samples.reduce((total, sample) => total + sample[key], 0);
}
