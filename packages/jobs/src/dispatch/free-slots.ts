// Chooses the next job for the free slots. All sequences of a job start together.
import type { EngineLink } from "./dispatcher-port.ts";
import type { Job } from "../job/job.ts";
import { createSuspectWaits } from "../job/crash-blame.ts";
import type { WaitingJobs } from "./waiting-jobs.ts";

export interface FreeSlots {
  /** Whether the job could start now if it were next. */
  hasRoomFor(job: Job): boolean;
  /** Takes the next job out of the waiting jobs; undefined if no job may start now. */
  takeNext(): Job | undefined;
}

export interface FreeSlotsOptions {
  readonly waiting: Pick<WaitingJobs, "next" | "take">;
  readonly engine: Pick<EngineLink, "ready" | "full" | "slots">;
  /** The job of each sequence that the engine holds, by the sequence's uid. */
  readonly held: ReadonlyMap<string, Job>;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

export function createFreeSlots({ waiting, engine, held, now }: FreeSlotsOptions): FreeSlots {
  const suspects = createSuspectWaits(now);

  /** A job with more sequences than the engine has slots needs all slots free. */
  function fits({ state }: Job): boolean {
    const needed = state.sequences.filter(({ stoppedBy }) => stoppedBy === undefined).length;
    return Math.min(needed, engine.slots) <= engine.slots - held.size;
  }

  return {
    hasRoomFor: (job) => fits(job) && suspects.mayStart(job, held.values()),
    takeNext() {
      if (!engine.ready || engine.full === true || held.size >= engine.slots) return undefined;
      const job = waiting.next(fits);
      if (job === undefined || !fits(job)) return undefined;
      if (!suspects.mayStart(job, held.values())) {
        suspects.waits(job);
        return undefined;
      }
      waiting.take(job);
      suspects.starts(job);
      return job;
    },
  };
}
