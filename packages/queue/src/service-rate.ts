// Estimates from the durations of jobs how fast the queue is served, and when a refused client should retry.

/** The estimate uses at most this many finished jobs. */
const sampleLimit = 32;

/**
 * Share of the queue that should be served before a refused client retries. One entry is free sooner, but if all refused clients retried then, all
 * but the first would find a full queue again.
 */
const drainShare = 1 / 4;

/** Number of finished jobs that an estimate of the wait needs. */
const leastSamples = 3;

const minRetryAfterS = 1;
const maxRetryAfterS = 60;

export interface ServiceRate {
  /** Called when a job is taken, or added to an empty queue: the queue is not stuck. */
  moved(): void;
  /** Called when a job has ended. @param durationMs how long the job ran */
  finished(durationMs: number): void;
  /**
   * Whole seconds, 1 to 60, until a quarter of `depth` jobs is served, while `running` jobs run at once. When no job has moved for longer than
   * expected (a hung engine, a loading model), that delay is added: the queue is expected to be stuck for as long again.
   */
  retryAfterS(depth: number, running: number): number;
  /** Milliseconds until `turns` jobs have ended, if `running` jobs run at once; undefined before 3 jobs have ended. */
  waitMs(turns: number, running: number): number | undefined;
}

/** `now` in milliseconds. Before the first job has finished, only the time since a job moved counts. */
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
