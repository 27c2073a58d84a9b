// Owns the times that a job's own spec sets: its deadline, and how long it waits for a first reader.
import type { Job, Outcome } from "./job.ts";
import type { JobLimits } from "./job-limits.ts";
import type { JobTimers } from "./timers.ts";

export interface SpecTimersOptions {
  readonly timers: JobTimers;
  readonly limits: Pick<JobLimits, "unclaimedTimeoutMs">;
  readonly end: (job: Job, outcome: Outcome) => void;
}

/** From its acceptance on. */
export function startSpecTimers(job: Job, { timers, limits, end }: SpecTimersOptions): void {
  const { deadlineMs, onDisconnect } = job.spec;
  if (deadlineMs !== undefined) {
    const message = `Cannot finish the job: its deadline of ${deadlineMs} ms has passed.`;
    timers.set(job, "deadline", deadlineMs, () => end(job, { type: "failed", code: "deadline_exceeded", message }));
  }
  if (onDisconnect === "continue") return;
  timers.set(job, "orphaned", limits.unclaimedTimeoutMs, () => end(job, { type: "cancelled", by: "unclaimed" }));
}
