// Owns which job gets the free slots. All sequences of a job begin together.
import type { EngineLink } from "./dispatcher-options.ts";
import type { Job } from "./job.ts";
import { createProbation } from "./suspicion.ts";
import type { WaitingJobs } from "./waiting-jobs.ts";

export interface FreeSlots {
  /** Whether the job could begin now, were it next. */
  hasRoomFor(job: Job): boolean;
  /** Takes the next job from those that wait; undefined where none may begin now. */
  takeNext(): Job | undefined;
}

export interface FreeSlotsOptions {
  readonly waiting: Pick<WaitingJobs, "next" | "take">;
  readonly engine: Pick<EngineLink, "ready" | "full" | "slots">;
  /** By sequence, what the engine holds. */
  readonly held: ReadonlyMap<string, Job>;
  /** Milliseconds; never goes back. */
  readonly now: () => number;
}

export function createFreeSlots({ waiting, engine, held, now }: FreeSlotsOptions): FreeSlots {
  const probation = createProbation(now);

  /** Where the engine has fewer slots than the job has sequences, all of them have to be free. */
  function fits({ state }: Job): boolean {
    const needed = state.sequences.filter(({ stoppedBy }) => stoppedBy === undefined).length;
    return Math.min(needed, engine.slots) <= engine.slots - held.size;
  }

  return {
    hasRoomFor: (job) => fits(job) && probation.mayBegin(job, held.values()),
    takeNext() {
      if (!engine.ready || engine.full === true || held.size >= engine.slots) return undefined;
      const job = waiting.next(fits);
      if (job === undefined || !fits(job)) return undefined;
      if (!probation.mayBegin(job, held.values())) {
        probation.waits(job);
        return undefined;
      }
      waiting.take(job);
      probation.begins(job);
      return job;
    },
  };
}
