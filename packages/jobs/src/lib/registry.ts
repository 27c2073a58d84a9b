// Owns which jobs exist: the live ones, and the ended ones while they can still be replayed. Bounded in count, bytes and time.
import type { Clock } from "@waggle/async";
import { createEndedJobs } from "./ended-jobs.ts";
import type { Job } from "./job.ts";

export interface RegistryOptions {
  readonly clock: Clock;
  /** How long an ended job can be replayed. */
  readonly replayWindowMs: number;
  /** What the replay logs of ended jobs may occupy together; beyond it the oldest go early. */
  readonly replayTotalBytes: number;
  /** The same of jobs that were to go on without a reader: whoever comes back for one has been away for longer. */
  readonly answerWindowMs: number;
  readonly answerTotalBytes: number;
  /** Most ended jobs that are kept, of either kind. */
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
  const shared = { clock: options.clock, countLimit: options.endedJobsKept, onForgotten: forgotten };
  const replayed = createEndedJobs({
    ...shared,
    windowMs: options.replayWindowMs,
    totalBytes: options.replayTotalBytes,
  });
  const answers = createEndedJobs({
    ...shared,
    windowMs: options.answerWindowMs,
    totalBytes: options.answerTotalBytes,
  });

  function forgotten(job: Job): void {
    byName.delete(nameOf(job.spec.scope.client, job.id));
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
      // A log has no vectors, and a followed job is replayed by its follower's side.
      if (job.spec.kind !== "generate" || job.follower !== undefined) return forgotten(job);
      (job.spec.onDisconnect === "continue" ? answers : replayed).add(job);
    },
    clear() {
      replayed.clear();
      answers.clear();
    },
    get liveCount() {
      return live.size;
    },
    get endedCount() {
      return replayed.count + answers.count;
    },
    get replayBytes() {
      let bytes = replayed.bytes + answers.bytes;
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
