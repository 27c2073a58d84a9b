// Owns ended jobs while they can still be read: bounded in time, bytes and count.
import type { Clock } from "@waggle/async";
import type { Job } from "./job.ts";

export interface EndedJobsOptions {
  readonly clock: Clock;
  readonly windowMs: number;
  /** Of their logs together. Beyond it, and beyond the count, jobs are forgotten early. */
  readonly totalBytes: number;
  readonly countLimit: number;
  /** Nobody can read it any more. */
  readonly onForgotten: (job: Job) => void;
}

/** What is kept of one client. */
interface Held {
  readonly jobs: Set<Job>;
  bytes: number;
}

export interface EndedJobs {
  add(job: Job): void;
  clear(): void;
  readonly count: number;
  readonly bytes: number;
}

/** Where there is no room, the client that takes most of what is short, bytes or places, loses its oldest: nobody can push out what others have. */
export function createEndedJobs(options: EndedJobsOptions): EndedJobs {
  /** Each in the order in which they ended; clients without any are not there. */
  const byClient = new Map<string, Held>();
  let count = 0;
  let bytes = 0;

  function forget(job: Job): void {
    const { client } = job.spec.scope;
    const own = byClient.get(client);
    if (own?.jobs.delete(job) !== true) return;
    own.bytes -= job.log.bytes;
    if (own.jobs.size === 0) byClient.delete(client);
    bytes -= job.log.bytes;
    count -= 1;
    job.timers.get("forget")?.cancel();
    job.timers.delete("forget");
    options.onForgotten(job);
  }

  function oldestOfMost(taken: (own: Held) => number): Job | undefined {
    let most: Held | undefined;
    for (const own of byClient.values()) if (most === undefined || taken(own) > taken(most)) most = own;
    return most?.jobs.values().next().value;
  }

  return {
    add(job) {
      const { client } = job.spec.scope;
      const own = byClient.get(client) ?? { jobs: new Set<Job>(), bytes: 0 };
      byClient.set(client, own);
      own.jobs.add(job);
      own.bytes += job.log.bytes;
      bytes += job.log.bytes;
      count += 1;
      job.timers.set(
        "forget",
        options.clock.setTimeout(() => forget(job), options.windowMs),
      );
      while (bytes > options.totalBytes || count > options.countLimit) {
        const oldest = oldestOfMost(bytes > options.totalBytes ? (held) => held.bytes : (held) => held.jobs.size);
        if (oldest === undefined) break;
        forget(oldest);
      }
    },
    clear() {
      for (const { jobs } of [...byClient.values()]) for (const job of [...jobs]) forget(job);
    },
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
  };
}
