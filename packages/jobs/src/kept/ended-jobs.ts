// Keeps ended jobs for later readers, bounded in time, bytes and count.
import type { Clock } from "@waggle/async";
import type { Job } from "../job/job.ts";

export interface EndedJobsOptions {
  readonly clock: Clock;
  /** How long a job is kept. */
  readonly windowMs: number;
  /** Maximum number of bytes of all kept logs together. Beyond this limit or `countLimit`, jobs are forgotten early. */
  readonly totalBytes: number;
  readonly countLimit: number;
  /** Called when a job is forgotten: clients can no longer find its id. */
  readonly onForgotten: (job: Job) => void;
}

interface ClientJobs {
  readonly jobs: Set<Job>;
  bytes: number;
}

export interface EndedJobs {
  add(job: Job): void;
  clear(): void;
  readonly count: number;
  readonly bytes: number;
}

/** At a limit, the client with the most bytes or jobs loses its oldest job, so that no client can evict the jobs of others. */
export function createEndedJobs(options: EndedJobsOptions): EndedJobs {
  /** The jobs of each client in the order of their ends; clients without jobs have no entry. */
  const byClient = new Map<string, ClientJobs>();
  let count = 0;
  let bytes = 0;

  function forget(job: Job): void {
    const { client } = job.spec.who;
    const kept = byClient.get(client);
    if (kept?.jobs.delete(job) !== true) return;
    kept.bytes -= job.log.bytes;
    if (kept.jobs.size === 0) byClient.delete(client);
    bytes -= job.log.bytes;
    count -= 1;
    job.timers.get("forget")?.cancel();
    job.timers.delete("forget");
    options.onForgotten(job);
  }

  function oldestOfMost(sizeOf: (kept: ClientJobs) => number): Job | undefined {
    let most: ClientJobs | undefined;
    for (const kept of byClient.values()) if (most === undefined || sizeOf(kept) > sizeOf(most)) most = kept;
    return most?.jobs.values().next().value;
  }

  return {
    add(job) {
      const { client } = job.spec.who;
      const kept = byClient.get(client) ?? { jobs: new Set<Job>(), bytes: 0 };
      byClient.set(client, kept);
      kept.jobs.add(job);
      kept.bytes += job.log.bytes;
      bytes += job.log.bytes;
      count += 1;
      job.timers.set(
        "forget",
        options.clock.setTimeout(() => forget(job), options.windowMs),
      );
      while (bytes > options.totalBytes || count > options.countLimit) {
        const oldest = oldestOfMost(bytes > options.totalBytes ? (kept) => kept.bytes : (kept) => kept.jobs.size);
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
