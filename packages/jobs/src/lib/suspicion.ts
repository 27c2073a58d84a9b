// Owns which jobs may be what kills the engines, and what that keeps them from.
//
// A job under which an engine died before it had said anything new is unproven: it begins when all that run beside it have spoken, and nobody
// begins beside it before it has. So if it is what kills the next one as well, the others have gone on by then and are above suspicion. After
// two engines in a row it runs once more, alone where the others end soon, and a third one ends it.
import type { Job, JobState, Outcome } from "./job.ts";

/** Engines in a row that have died under a job which from then on runs alone. */
const enginesOfSuspect = 2;

/**
 * So long it waits for that, while nobody else begins. Then it begins beside those that have spoken: they go on, whatever it does, and a stream
 * without end holds nobody up.
 */
const longestWaitToBeAloneMs = 10_000;

/** Engines in a row that have died under it in silence, once the present one has died too. */
export function lossesAfter({ hasSpoken, enginesLost }: Pick<JobState, "hasSpoken" | "enginesLost">): number {
  return hasSpoken ? 0 : enginesLost + 1;
}

/** Whether a job with so many losses has had its last chance. */
export function isCondemned(enginesLost: number): boolean {
  return enginesLost > enginesOfSuspect;
}

/** What is said of it: the deaths are its own. */
export function condemnation(outcome: Outcome, enginesLost: number): Outcome {
  if (outcome.type !== "failed") return outcome;
  const message = `${enginesLost} engines in a row died under this job, and none heard anything new of it. ${outcome.message}`;
  return { ...outcome, message };
}

/** Engines have died under it, and the last one had heard nothing new of it. */
export function isUnproven({ state }: Pick<Job, "state">): boolean {
  return state.enginesLost > 0;
}

/**
 * @param others those that the engine holds
 * @param hasWaited as long as a job may to be alone
 */
export function mayBeginBeside(
  job: Pick<Job, "state">,
  others: Iterable<Pick<Job, "state">>,
  hasWaited = false,
): boolean {
  const mustBeAlone = job.state.enginesLost >= enginesOfSuspect && !hasWaited;
  for (const { state: other } of others) {
    if (!other.hasSpoken && other.enginesLost > 0) return false;
    if (mustBeAlone || (isUnproven(job) && !other.hasSpoken)) return false;
  }
  return true;
}

export interface Probation {
  /** Whether the job may begin now. @param others those that the engine holds */
  mayBegin(job: Job, others: Iterable<Job>): boolean;
  /** The job could begin now, were it alone. */
  waits(job: Job): void;
  /** The job begins, and may have to wait again. */
  begins(job: Job): void;
}

/** @param now milliseconds; never goes back */
export function createProbation(now: () => number): Probation {
  const waitsSince = new WeakMap<Job, number>();

  return {
    mayBegin(job, others) {
      const since = waitsSince.get(job) ?? now();
      return mayBeginBeside(job, others, now() - since >= longestWaitToBeAloneMs);
    },
    waits(job) {
      if (!waitsSince.has(job)) waitsSince.set(job, now());
    },
    begins: (job) => void waitsSince.delete(job),
  };
}
