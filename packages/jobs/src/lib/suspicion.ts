// Owns which jobs may be what kills the engines, and what that keeps them from. Pure.
//
// A job under which an engine died before it had said anything new is unproven: it begins when all that run beside it have spoken, and nobody
// begins beside it before it has. So if it is what kills the next one as well, the others have gone on by then and are above suspicion. After
// two engines in a row it runs once more alone, and a third one ends it.
import type { Job, JobState, Outcome } from "./job.ts";

/** Engines in a row that have died under a job which from then on runs alone. */
const enginesOfSuspect = 2;

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
  const message = `${enginesLost} engines in a row died under this job, the last one with nothing else to do. ${outcome.message}`;
  return { ...outcome, message };
}

/** @param others those that the engine holds */
export function mayBeginBeside({ state }: Pick<Job, "state">, others: Iterable<Pick<Job, "state">>): boolean {
  for (const { state: other } of others) {
    if (!other.hasSpoken && other.enginesLost > 0) return false;
    if (state.enginesLost >= enginesOfSuspect || (state.enginesLost > 0 && !other.hasSpoken)) return false;
  }
  return true;
}

/** @param held what the engine holds, by sequence */
export function hasRoomFor(job: Job, held: ReadonlyMap<string, Job>, slots: number): boolean {
  const running = job.state.sequences.filter(({ stoppedBy }) => stoppedBy === undefined);
  return held.size + running.length <= slots && mayBeginBeside(job, held.values());
}
