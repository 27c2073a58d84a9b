// Decides which jobs are suspected of having crashed the engine, and when such a job may start.
//
// A job is a suspect when the last engine died while running the job, before its first new output. A suspect starts when all running jobs have new
// output, and no other job starts before the suspect has output. So when the suspect crashes the next engine too, the other jobs have had output and
// are no suspects. After two crashes in a row the suspect runs once more, alone if the other jobs end soon. A third crash ends the suspect.
import type { Job, JobState, Outcome } from "./job.ts";

/** Crashes in a row without new output after which a job runs alone. */
const crashesToRunAlone = 2;

/**
 * How long a suspect waits to run alone, while no other job starts. After this time the suspect starts although jobs with output still run: a crash
 * would not make them suspects, and an endless stream must not delay the waiting jobs for longer.
 */
const longestWaitToBeAloneMs = 10_000;

/** Counts the engines in a row that died while running the job, without new output, including the engine that died just now. */
export function lossesAfter({ hasNewOutput, enginesLost }: Pick<JobState, "hasNewOutput" | "enginesLost">): number {
  return hasNewOutput ? 0 : enginesLost + 1;
}

/** Whether a job ends after this many crashes in a row without new output. */
export function hasUsedUpCrashes(enginesLost: number): boolean {
  return enginesLost > crashesToRunAlone;
}

/** Adds the number of crashes to the message of the job's failure. */
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
 * @param hasWaited whether the job has waited for `longestWaitToBeAloneMs`
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
  /** Starts measuring how long the job waits to run alone. */
  waits(job: Job): void;
  /** Called when the job starts, so that its next wait is measured from zero. */
  starts(job: Job): void;
}

/** @param now milliseconds of a monotonic clock */
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
