// Owns the timers of each job: at most one timer of each kind runs, and all timers are cleared when the job ends.
import type { Clock } from "@waggle/async";
import type { Job, JobTimer } from "./job.ts";

export interface JobTimers {
  /** Replaces a timer of the same kind. */
  set(job: Job, timer: JobTimer, ms: number, run: () => void): void;
  clear(job: Job, timer: JobTimer): void;
  clearAll(job: Job): void;
}

export function createJobTimers(clock: Clock): JobTimers {
  function clear(job: Job, timer: JobTimer): void {
    job.timers.get(timer)?.cancel();
    job.timers.delete(timer);
  }
  return {
    set(job, timer, ms, run) {
      clear(job, timer);
      job.timers.set(timer, clock.setTimeout(run, ms));
    },
    clear,
    clearAll(job) {
      for (const timer of [...job.timers.keys()]) clear(job, timer);
    },
  };
}
