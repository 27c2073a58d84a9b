// Decides which jobs are suspected of having crashed the engine, and when such a job may start.
//
// A job is a suspect when an engine died while running it, before the job's first new output. A suspect starts when all running jobs have new
// output, and no other job
// starts before the suspect has output. If it crashes the next engine too, the other jobs have had output since and are no suspects. After two
// crashes in a row the suspect
// runs once more, alone if the other jobs end soon, and a third crash ends it.
import type { Job, JobState, Outcome } from "./job.ts";

/** Silent crashes in a row after which a job runs alone. */
const crashesToRunAlone = 2;

/**
 * How long a suspect waits to run alone, while no other job starts. After this time it starts although jobs with output still run. Those jobs
 * continue even if it crashes the engine, and an
 * endless stream does not delay the other jobs for longer.
 */
const longestWaitToBeAloneMs = 10_000;

/** Engines in a row that died while running the job, without new output, including the one that died just now. */
export function lossesAfter({ hasNewOutput, enginesLost }: Pick<JobState, "hasNewOutput" | "enginesLost">): number {
  return hasNewOutput ? 0 : enginesLost + 1;
}

/** Whether a job with this number of silent crashes has to end. */
export function hasUsedUpCrashes(enginesLost: number): boolean {
  return enginesLost > crashesToRunAlone;
}

/** The job's failure, with the number of crashes. */
export function crashFailure(outcome: Outcome, enginesLost: number): Outcome {
  if (outcome.type !== "failed") return outcome;
  const message = `The engine crashed ${enginesLost} times in a row while running this job, without new output. ${outcome.message}`;
  return { ...outcome, message };
}

/** Whether the last engine that ran the job died before the job had new output. */
export function isSuspect({ state }: Pick<Job, "state">): boolean {
  return state.enginesLost > 0;
}

/**
 * @param others the jobs that the engine holds
 * @param hasWaited whether the job has waited the longest time to run alone
 */
export function mayStartWith(
  job: Pick<Job, "state">,
  others: Iterable<Pick<Job, "state">>,
  hasWaited = false,
): boolean {
  const mustBeAlone = job.state.enginesLost >= crashesToRunAlone && !hasWaited;
  for (const { state: other } of others) {
    if (!other.hasNewOutput && other.enginesLost > 0) return false;
    if (mustBeAlone || (isSuspect(job) && !other.hasNewOutput)) return false;
  }
  return true;
}

export interface SuspectWaits {
  /** Whether the job may start now. @param others jobs that the engine holds */
  mayStart(job: Job, others: Iterable<Job>): boolean;
  /** Starts measuring the job's wait: the job could start now if it were alone. */
  waits(job: Job): void;
  /** Called when the job starts: a later wait is measured from zero. */
  starts(job: Job): void;
}

/** @param now milliseconds; never goes back */
export function createSuspectWaits(now: () => number): SuspectWaits {
  const waitsSince = new WeakMap<Job, number>();

  return {
    mayStart(job, others) {
      const since = waitsSince.get(job) ?? now();
      return mayStartWith(job, others, now() - since >= longestWaitToBeAloneMs);
    },
    waits(job) {
      if (!waitsSince.has(job)) waitsSince.set(job, now());
    },
    starts: (job) => void waitsSince.delete(job),
  };
}
