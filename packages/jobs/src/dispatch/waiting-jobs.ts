// Owns the jobs without a slot, which wait in the queue or for the end of their session's older jobs. This module moves jobs between the two places
// and computes their positions; it starts and ends no jobs.
import { isLane, WaggleError } from "@waggle/protocol";
import type { AdmissionQueue, QueueKey, QueueLimit } from "@waggle/queue";
import type { Forecast } from "./forecast.ts";
import { isWaiting, type Job } from "../job/job.ts";
import { isSuspect } from "../job/crash-blame.ts";

export interface WaitingJobs {
  /** Whether the queue would refuse a job that supersedes no other job. */
  readonly full: boolean;
  readonly length: number;
  /** A lane job has no limit. @throws WaggleError resource_exhausted */
  join(job: Job): void;
  /** Gives the job the position of `old`, which waits in the queue. The caller then ends `old`. */
  replace(old: Job, job: Job): void;
  /** The job waits outside of the queue, until `enter`. */
  block(job: Job): void;
  /**
   * Puts a job into the queue, unless it is there, even if the queue is full.
   * @param again number of places that lost their engine or have yielded: they wait again, and the job gets its old position back
   */
  enter(job: Job, again?: number): void;
  leave(job: Job): void;
  /**
   * Returns the next job, without taking a place for it. If this job is suspected of having crashed the engine, returns a job that had output before the
   * crash; the suspect is returned only if there is no such job.
   * @param passable whether other jobs start before this one, which may not start now
   */
  next(passable: (job: Job) => boolean): Job | undefined;
  /** Takes a place for one sequence of the job. */
  take(job: Job): void;
  /** How long the job has waited for its next place, in milliseconds. */
  waitedMs(job: Job): number;
  /** Called when a job has freed so many slots. */
  finished(job: Job, places: number): void;
  /** Returns the job's position: 1 is next; undefined for a job that does not wait. */
  position(job: Job): number | undefined;
  /** Returns the position that this job would get. @param old the queued job of its session, which this job would replace */
  futurePosition(job: Job, old: Job | undefined): number;
  /** Makes the error for a job for which the queue has no room. */
  refusal(limit?: QueueLimit): WaggleError;
}

export interface WaitingJobsOptions {
  readonly queue: AdmissionQueue<Job>;
  readonly forecast: Pick<Forecast, "waits" | "taken" | "putBack" | "freed" | "retryAfterS">;
}

export function createWaitingJobs({ queue, forecast }: WaitingJobsOptions): WaitingJobs {
  /**
   * Jobs that wait for older jobs of their session. Such a job does not get the older job's slot but enters the queue: otherwise sessions that
   * supersede their jobs again and again would keep all slots.
   */
  const blocked = new Set<Job>();
  /** Jobs in the queue that had new output before their engine died, without lane jobs, for which no suspect waits. */
  const resuming = new Set<Job>();

  function refusal(limit: QueueLimit = "full"): WaggleError {
    const retryAfterS = forecast.retryAfterS(queue.depth);
    const what =
      limit === "full" ? `the queue is full (${queue.capacity})` : "this client's share of the queue is full";
    return new WaggleError("resource_exhausted", `Cannot accept the job: ${what}. Retry in ${retryAfterS} s.`, {
      retryAfterS,
    });
  }

  /** A suspect comes last: no other job starts until the suspect has output, so the streams to resume would wait for the suspect's whole prompt. */
  function next(passable: (job: Job) => boolean): Job | undefined {
    const first = queue.next(passable);
    if (first === undefined || !isSuspect(first)) return first;
    const [job = first] = resuming;
    return job;
  }

  return {
    get full() {
      return queue.depth >= queue.capacity;
    },
    get length() {
      return queue.depth + blocked.size;
    },
    join(job) {
      if (isLane(job.spec.when)) return queue.admit(job, queueKey(job));
      if (queue.depth === 0) forecast.waits();
      const limit = queue.offer(job, queueKey(job));
      if (limit !== undefined) throw refusal(limit);
    },
    replace(old, job) {
      resuming.delete(old);
      queue.replace(old.uid, job, queueKey(job));
    },
    block: (job) => void blocked.add(job),
    enter(job, again) {
      blocked.delete(job);
      if (again !== undefined) {
        for (let place = 0; place < again; place += 1) queue.putBack(job.uid);
        if (isWaiting(job)) forecast.putBack(job);
        if (!isSuspect(job) && !isLane(job.spec.when)) resuming.add(job);
      } else if (queue.position(job.uid) === undefined) {
        if (queue.depth === 0) forecast.waits();
        queue.admit(job, queueKey(job));
      }
    },
    leave(job) {
      resuming.delete(job);
      queue.remove(job.uid);
      blocked.delete(job);
    },
    next,
    take(job) {
      resuming.delete(job);
      queue.take(job.uid);
      forecast.taken(job);
    },
    waitedMs: (job) => queue.waitedMs(job.uid),
    finished(job, places) {
      for (let place = 0; place < places; place += 1) queue.finished(job.uid);
      if (isWaiting(job)) forecast.putBack(job);
      else if (!job.state.sequences.some(({ held }) => held)) forecast.freed(job);
    },
    position(job) {
      switch (job.state.phase.name) {
        case "queued":
          return queue.position(job.uid);
        case "blocked":
          // The position in the queue that the job would get now.
          return queue.depth + 1;
        case "running":
        case "ending":
        case "calling":
        case "left":
        case "ended":
          return undefined;
      }
    },
    futurePosition(job, old) {
      const ofOld = old === undefined ? undefined : queue.position(old.uid);
      if (ofOld !== undefined) return ofOld;
      // An entry that comes and leaves at once moves no other entry.
      queue.admit(job, queueKey(job));
      const position = queue.position(job.uid) ?? queue.depth;
      queue.remove(job.uid);
      return position;
    },
    refusal,
  };
}

function queueKey(job: Job): QueueKey {
  const { who, when } = job.spec;
  const flow = who.sessionId ?? who.batch ?? "";
  return { id: job.uid, priority: when.priority, client: who.client, flow, places: job.state.sequences.length };
}
