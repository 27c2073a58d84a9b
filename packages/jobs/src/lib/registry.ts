// Owns which jobs exist: the live ones, and the ended ones while they can still be replayed. Bounded in count, bytes and time.
import type { Clock } from "@waggle/async";
import type { Job } from "./job.ts";

export interface RegistryOptions {
  readonly clock: Clock;
  /** How long an ended job can be replayed. */
  readonly replayWindowMs: number;
  /** What the replay logs of ended jobs may occupy together; beyond it the oldest go early. */
  readonly replayTotalBytes: number;
  /** Most ended jobs that are kept. */
  readonly endedJobsKept: number;
  /** Nobody can read it any more. */
  readonly onForgotten?: ((job: Job) => void) | undefined;
}

export interface JobRegistry {
  /** @throws Error when the id is taken; callers ask `has` first */
  add(job: Job): void;
  has(client: string, id: string): boolean;
  get(client: string, id: string): Job | undefined;
  /** By the engine's name for it; live jobs only. */
  live(uid: string): Job | undefined;
  liveJobs(): readonly Job[];
  /** The job has ended: from now on it is only kept for replay, for a while, if there is anything to replay. */
  retire(job: Job): void;
  /** Drops all ended jobs and their timers. */
  clear(): void;
  readonly liveCount: number;
  readonly endedCount: number;
  readonly replayBytes: number;
}

export function createJobRegistry(options: RegistryOptions): JobRegistry {
  const byName = new Map<string, Job>();
  const live = new Map<string, Job>();
  /** In the order in which they ended. */
  const ended = new Set<Job>();
  let endedBytes = 0;

  function forget(job: Job): void {
    if (!ended.delete(job)) return;
    endedBytes -= job.log.bytes;
    byName.delete(nameOf(job.spec.scope.client, job.id));
    job.timers.get("forget")?.cancel();
    job.timers.delete("forget");
    options.onForgotten?.(job);
  }

  return {
    add(job) {
      const name = nameOf(job.spec.scope.client, job.id);
      if (byName.has(name)) throw new Error(`Job ${job.id} is registered already`);
      byName.set(name, job);
      live.set(job.uid, job);
    },
    has: (client, id) => byName.has(nameOf(client, id)),
    get: (client, id) => byName.get(nameOf(client, id)),
    live: (uid) => live.get(uid),
    liveJobs: () => [...live.values()],
    retire(job) {
      live.delete(job.uid);
      // Its log has no vectors, so there is nothing to replay.
      if (job.spec.kind !== "generate") {
        byName.delete(nameOf(job.spec.scope.client, job.id));
        return options.onForgotten?.(job);
      }
      ended.add(job);
      endedBytes += job.log.bytes;
      job.timers.set(
        "forget",
        options.clock.setTimeout(() => forget(job), options.replayWindowMs),
      );
      for (const oldest of ended) {
        if (endedBytes <= options.replayTotalBytes && ended.size <= options.endedJobsKept) break;
        forget(oldest);
      }
    },
    clear() {
      for (const job of ended) forget(job);
    },
    get liveCount() {
      return live.size;
    },
    get endedCount() {
      return ended.size;
    },
    get replayBytes() {
      let bytes = endedBytes;
      for (const job of live.values()) bytes += job.log.bytes;
      return bytes;
    },
  };
}

/**
 * The jobs of one model among all. Names are taken for all of them together, and what is kept of ended jobs is bounded for all of them together.
 * Live jobs are its own.
 */
export function createRegistryPart(whole: JobRegistry): JobRegistry {
  const live = new Map<string, Job>();
  return {
    add(job) {
      whole.add(job);
      live.set(job.uid, job);
    },
    has: whole.has,
    get: whole.get,
    live: (uid) => live.get(uid),
    liveJobs: () => [...live.values()],
    retire(job) {
      live.delete(job.uid);
      whole.retire(job);
    },
    clear() {},
    get liveCount() {
      return live.size;
    },
    get endedCount() {
      return whole.endedCount;
    },
    get replayBytes() {
      return whole.replayBytes;
    },
  };
}

/** Ids hold no spaces (protocol), so a space cannot make two names collide. */
function nameOf(client: string, id: string): string {
  return `${client} ${id}`;
}
