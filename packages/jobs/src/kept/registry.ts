// Finds jobs by their ids: live jobs, and ended jobs while they can be replayed. Also lists the last ended jobs, with the parts of their time.
import { createHoldings, type Clock } from "@waggle/async";
import { endedJobsLimit, endedQueryLimit, isLane } from "@waggle/protocol";
import type { EndedJob } from "@waggle/protocol";
import { createSessionRegistry, type SessionRegistry, type SessionStream } from "@waggle/queue";
import { isPartOf, isPast, type DayLog, type PastQuery } from "@waggle/telemetry";
import { createEndedJobs } from "./ended-jobs.ts";
import type { Job } from "../job/job.ts";
import { endedOf } from "../watching/summaries.ts";

/**
 * Maximum number of bytes of the replay logs of all ended jobs; background jobs have as much again. Beyond this limit the oldest jobs are forgotten early.
 */
const totalBytes = 64 * 1_048_576;

export interface RegistryOptions {
  readonly clock: Clock;
  /** How long an ended job can be replayed. */
  readonly replayWindowMs: number;
  /** The same for background jobs, which continue without a reader, and for jobs with tool calls: their clients return later. */
  readonly answerWindowMs: number;
  /** Limit for the number of ended background jobs, and also for the number of other ended jobs. */
  readonly endedJobsKept: number;
  /** Time of day, milliseconds since 1970; Date.now by default. */
  readonly timeOfDay?: (() => number) | undefined;
  /** Where descriptions of ended jobs outlive the process. */
  readonly day?: Pick<DayLog, "add" | "read"> | undefined;
  /** Called when no client can read the job any more. */
  readonly onForgotten?: ((job: Job) => void) | undefined;
}

/** A job in the order of its session. */
export interface SessionJob extends SessionStream {
  readonly job: Job;
}

/** The live jobs of one model. */
export interface LiveJobs {
  /** The sessions of all models. */
  readonly sessions: SessionRegistry<SessionJob>;
  /** @throws Error when the client has a job with this id; callers check `has` before */
  add(job: Job): void;
  /** Whether the id is taken, by a job of any model. */
  has(client: string, id: string): boolean;
  /** Finds a live job by its uid. */
  live(uid: string): Job | undefined;
  liveJobs(): readonly Job[];
  /** Keeps an ended job for its window if its stream can be replayed; otherwise forgets the job. */
  retire(job: Job): void;
  readonly liveCount: number;
}

/** The jobs of all models. */
export interface JobRegistry extends LiveJobs {
  get(client: string, id: string): Job | undefined;
  /** The last ended jobs, newest first: `endedJobsLimit`, or more of a time, a job or a client, also from the day on disk. */
  ended(query?: PastQuery): Promise<readonly EndedJob[]>;
  /** Drops an ended job, so that its id can be used again. */
  forget(job: Job): void;
  /** Drops all ended jobs and their timers. */
  clear(): void;
  readonly endedCount: number;
  readonly replayBytes: number;
}

export function createJobRegistry(options: RegistryOptions): JobRegistry {
  const { timeOfDay = Date.now, day } = options;
  const lastEnded = createHoldings<EndedJob>();
  const byName = new Map<string, Job>();
  const live = new Map<string, Job>();
  const shared = { clock: options.clock, countLimit: options.endedJobsKept, totalBytes, onForgotten: forgotten };
  const replayed = createEndedJobs({ ...shared, windowMs: options.replayWindowMs });
  const answers = createEndedJobs({ ...shared, windowMs: options.answerWindowMs });

  /** Begins with the jobs of the last process. */
  const restored = onDisk(endedJobsLimit, {}).then(
    (earlier) => {
      for (const one of [...earlier, ...lastEnded]) keepEnded(one);
    },
    () => {},
  );

  async function onDisk(count: number, query: PastQuery): Promise<readonly EndedJob[]> {
    const rows = (await day?.read({ ...query, kind: "job", count })) ?? [];
    return rows.map(({ value }) => value as unknown as EndedJob);
  }

  /** As the newest. */
  function keepEnded(job: EndedJob): void {
    lastEnded.remove(job);
    lastEnded.set(job.client, job, 1);
    if (lastEnded.size <= endedJobsLimit) return;
    const [oldest] = lastEnded.ofLargest;
    if (oldest !== undefined) lastEnded.remove(oldest);
  }

  function forgotten(job: Job): void {
    byName.delete(keptJobName(job.spec.who.client, job.id));
    options.onForgotten?.(job);
  }

  return {
    sessions: createSessionRegistry<SessionJob>(),
    add(job) {
      const name = keptJobName(job.spec.who.client, job.id);
      if (byName.has(name)) throw new Error(`Job ${job.id} is registered already`);
      byName.set(name, job);
      live.set(job.uid, job);
    },
    has: (client, id) => byName.has(keptJobName(client, id)),
    get: (client, id) => byName.get(keptJobName(client, id)),
    live: (uid) => live.get(uid),
    liveJobs: () => [...live.values()],
    async ended(query = {}) {
      await restored;
      const here = [...lastEnded].filter((one) => isPartOf(query, Date.parse(one.ended_at), { ...one }));
      const stored = isPast(query) ? await onDisk(endedQueryLimit, query) : [];
      const byName = new Map([...stored, ...here].map((one) => [`${one.client} ${one.job_id} ${one.ended_at}`, one]));
      return [...byName.values()].toSorted((a, b) => b.ended_at.localeCompare(a.ended_at));
    },
    retire(job) {
      live.delete(job.uid);
      // The batch has the line's answer, and counts it. A batch has more lines than all clients have other jobs.
      if (isLane(job.spec.when)) return forgotten(job);
      const { phase } = job.state;
      if (phase.name === "ended") {
        const ended = endedOf(job, phase.outcome, timeOfDay());
        keepEnded(ended);
        day?.add("job", JSON.stringify(ended), ended.client);
      }
      const { kind } = job.spec.work;
      // Vectors are not in the log. A decide job keeps them, for a request that is sent again. A job with a listener is replayed by its gateway.
      if (kind === "embed" || kind === "rerank" || job.listener !== undefined) return forgotten(job);
      // The calls of a job took effect, and its client may return late to read of it.
      const isLong = job.spec.when.onDisconnect === "continue" || job.spec.calls !== undefined;
      (isLong ? answers : replayed).add(job);
    },
    forget(job) {
      replayed.forget(job);
      answers.forget(job);
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

/** Unique ids, ended jobs and their limits are shared with the whole registry. @param onAdded called for each added job */
export function createLiveJobs(whole: JobRegistry, onAdded: (job: Job) => void = () => {}): LiveJobs {
  const live = new Map<string, Job>();
  return {
    sessions: whole.sessions,
    add(job) {
      whole.add(job);
      live.set(job.uid, job);
      onAdded(job);
    },
    has: whole.has,
    live: (uid) => live.get(uid),
    liveJobs: () => [...live.values()],
    retire(job) {
      live.delete(job.uid);
      whole.retire(job);
    },
    get liveCount() {
      return live.size;
    },
  };
}

/** Returns the job's name among all clients. The protocol allows no spaces in ids, so two jobs never have the same name. */
function keptJobName(client: string, id: string): string {
  return `${client} ${id}`;
}
