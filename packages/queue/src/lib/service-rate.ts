// Owns the estimate of how fast jobs are served, and so of when to come back. It knows durations, not jobs.

/** Finished jobs that the estimate looks back on. */
const sampleLimit = 32;

/**
 * Share of the queue that should have gone before a refused client returns. One place alone would be free sooner, but also taken by
 * whoever asks first: told to come back for it, all who were refused would meet again in front of a full queue.
 */
const drainShare = 1 / 4;

/** Fewer durations say little about the next one. */
const leastSamples = 3;

const minRetryAfterS = 1;
const maxRetryAfterS = 60;

export interface ServiceRate {
  /** Something went forward just now: the queue is not stuck. */
  moved(): void;
  /** A job has ended that ran for this long. */
  finished(durationMs: number): void;
  /**
   * Whole seconds, 1 to 60, until a quarter of `depth` is served, while `running` jobs run at once. When nothing has moved for longer than
   * was to be expected (a hung engine, a model that loads), that delay counts on top: what is stuck is expected to stay so for as long again.
   */
  retryAfterS(depth: number, running: number): number;
  /** Milliseconds until so many jobs have ended, `running` at once; undefined before a few have. */
  waitMs(turns: number, running: number): number | undefined;
}

/** `now` in milliseconds. Without any finished job, only the time that nothing has moved counts. */
export function createServiceRate(options: { readonly now: () => number }): ServiceRate {
  const { now } = options;
  const durationsMs: number[] = [];
  let movedAt = now();

  function intervalMs(running: number): number {
    if (durationsMs.length === 0) return 0;
    const totalMs = durationsMs.reduce((sum, durationMs) => sum + durationMs, 0);
    return totalMs / durationsMs.length / Math.max(1, running);
  }

  return {
    moved() {
      movedAt = now();
    },
    finished(durationMs) {
      movedAt = now();
      durationsMs.push(durationMs);
      if (durationsMs.length > sampleLimit) durationsMs.shift();
    },
    retryAfterS(depth, running) {
      const stepMs = intervalMs(running);
      const overdueMs = Math.max(0, now() - movedAt - stepMs);
      const seconds = Math.ceil((Math.max(1, depth * drainShare) * stepMs + overdueMs) / 1_000);
      return Math.min(maxRetryAfterS, Math.max(minRetryAfterS, seconds));
    },
    waitMs(turns, running) {
      if (durationsMs.length < leastSamples) return undefined;
      return turns * intervalMs(running);
    },
  };
}
