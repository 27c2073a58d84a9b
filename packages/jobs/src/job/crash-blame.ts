// Decides which jobs are suspected of having crashed the engine, and when such a job may start. Decision 091.
//
// A job is a suspect when the last engine died while preparing or running the job, before its first new output. A suspect starts when all running jobs
// have new output, and no other job is prepared or starts before the suspect has output. So when the suspect crashes the next engine too, the other
// jobs have had output and are not suspects, and the suspect ends.
import type { Job, JobState, Outcome } from "./job.ts";

/** A job ends after this many crashes in a row without new output. */
const crashesToEnd = 2;
/** Longest time that other jobs and queries wait for a suspect's output. */
export const aloneMs = 30_000;

/** Counts the engines in a row that died while running the job, without new output, including the engine that died just now. */
export function lossesAfter({ hasNewOutput, enginesLost }: Pick<JobState, "hasNewOutput" | "enginesLost">): number {
  return hasNewOutput ? 0 : enginesLost + 1;
}

/** Whether a job ends after this many crashes in a row without new output. */
export function hasUsedUpCrashes(enginesLost: number): boolean {
  return enginesLost >= crashesToEnd;
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
 * @param isAlone whether the suspect has started less than `aloneMs` ago
 */
export function mayStartWith<J extends Pick<Job, "state">>(
  job: J,
  others: Iterable<J>,
  isAlone: (suspect: J) => boolean,
): boolean {
  for (const other of others) {
    if (!other.state.hasNewOutput && (isSuspect(job) || (isSuspect(other) && isAlone(other)))) return false;
  }
  return true;
}
