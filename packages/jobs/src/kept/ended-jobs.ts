// Keeps ended jobs for later readers, bounded in time, bytes and count.
import { createHoldings, type Clock } from "@waggle/async";
import type { Job } from "../job/job.ts";

export interface EndedJobsOptions {
  readonly clock: Clock;
  /** How long a job is kept. */
  readonly windowMs: number;
  /** Maximum number of bytes of all kept logs and vectors together. Beyond this limit or `countLimit`, jobs are forgotten early. */
  readonly totalBytes: number;
  readonly countLimit: number;
  /** Called when a job is forgotten: clients can no longer find its id. */
  readonly onForgotten: (job: Job) => void;
}

export interface EndedJobs {
  add(job: Job): void;
  /** Forgets the job before its time, if it is kept. */
  forget(job: Job): void;
  clear(): void;
  readonly count: number;
  readonly bytes: number;
}

/** At a limit, the client with the most bytes or jobs loses its oldest job, so that no client can evict the jobs of others. */
export function createEndedJobs(options: EndedJobsOptions): EndedJobs {
  const bytes = createHoldings<Job>();
  const count = createHoldings<Job>();

  function forget(job: Job): void {
    if (!count.remove(job)) return;
    bytes.remove(job);
    job.timers.get("forget")?.cancel();
    job.timers.delete("forget");
    options.onForgotten(job);
  }

  return {
    add(job) {
      const { client } = job.spec.who;
      bytes.set(client, job, bytesOf(job));
      count.set(client, job, 1);
      job.timers.set(
        "forget",
        options.clock.setTimeout(() => forget(job), options.windowMs),
      );
      while (bytes.size > options.totalBytes || count.size > options.countLimit) {
        const [oldest] = (bytes.size > options.totalBytes ? bytes : count).ofLargest;
        if (oldest !== undefined) forget(oldest);
      }
    },
    forget,
    clear() {
      for (const job of count) forget(job);
    },
    get count() {
      return count.size;
    },
    get bytes() {
      return bytes.size;
    },
  };
}

/** A number of a vector has eight bytes. */
function bytesOf({ log, vectors }: Job): number {
  return log.bytes + vectors.reduce((sum, { length }) => sum + 8 * length, 0);
}
