// Owns when the first token of a waiting job is to be expected, and the refusal of a deadline that lies before it.
import { WaggleError } from "@waggle/protocol";
import { createFirstTokenEstimate } from "./first-token-estimate.ts";
import type { Job } from "./job.ts";

export interface ExpectationsOptions {
  /** There is an engine that runs jobs; how long one loads nobody knows. */
  readonly ready: () => boolean;
  /** Milliseconds until so many jobs have ended; undefined when nobody knows. */
  readonly waitMs: (turns: number) => number | undefined;
}

export interface Expectations {
  /** The first token of a job has come: its prompt is computed. */
  prefilled(job: Job): void;
  /**
   * Milliseconds; undefined while a part of it has not been measured.
   * @param position 1 is next, 0 has its slot
   */
  firstTokenMs(job: Job, position: number): number | undefined;
  /** @throws WaggleError deadline_exceeded when the client's own deadline would pass before; only by what was measured: a guess would turn away what can be done */
  refuseLate(job: Job, positionOf: () => number): void;
}

export function createExpectations({ ready, waitMs }: ExpectationsOptions): Expectations {
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
      const why = `the first token is to be expected in ${estimateMs} ms`;
      throw new WaggleError("deadline_exceeded", `Cannot meet the deadline of ${deadlineMs} ms: ${why}.`, {
        details: { estimate_ms: estimateMs },
      });
    },
  };
}
