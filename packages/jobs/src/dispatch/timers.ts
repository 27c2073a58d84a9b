// Owns the timers of each job: at most one timer of each kind runs, and all timers are cleared when the job ends.
import type { Clock } from "@waggle/async";
import type { Job, JobTimer, Outcome } from "../job/job.ts";
import type { JobLimits } from "./dispatcher-port.ts";

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

export interface SpecTimersOptions {
  readonly timers: JobTimers;
  readonly limits: Pick<JobLimits, "unclaimedTimeoutMs">;
  readonly end: (job: Job, outcome: Outcome) => void;
}

/** Starts the timers that depend on the job's spec: its deadline, and the longest wait for a first reader. */
export function startSpecTimers(job: Job, { timers, limits, end }: SpecTimersOptions): void {
  const { deadlineMs, onDisconnect } = job.spec.when;
  if (deadlineMs !== undefined) {
    const message = `Cannot finish the job: its deadline of ${deadlineMs} ms has passed.`;
    timers.set(job, "deadline", deadlineMs, () => end(job, { type: "failed", code: "deadline_exceeded", message }));
  }
  if (onDisconnect === "continue") return;
  timers.set(job, "orphaned", limits.unclaimedTimeoutMs, () => end(job, { type: "cancelled", by: "unclaimed" }));
}
