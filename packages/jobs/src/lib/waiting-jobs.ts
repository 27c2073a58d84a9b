// Owns where jobs stand that have no slot: in the queue, or behind the running job of their session. It moves jobs between
// places and tells their positions; it starts and ends none.
import { WaggleError } from "@waggle/protocol";
import type { AdmissionQueue, QueueKey } from "@waggle/queue";
import type { Job } from "./job.ts";
import { isUnproven } from "./suspicion.ts";

export interface WaitingJobs {
  /** Whether a job that supersedes nobody would be refused. */
  readonly full: boolean;
  readonly length: number;
  /** @throws WaggleError resource_exhausted */
  join(job: Job): void;
  /** Puts the job where `old` waits, or behind it when it runs. `old` is then to be ended by the caller. */
  replace(old: Job, job: Job): void;
  /** Into the queue, whatever its limits: a job that stood behind another, or `again` one that lost its engine. */
  enter(job: Job, again: boolean): void;
  leave(job: Job): void;
  /**
   * The job whose turn it is, of those that fit; it goes on waiting until `take`. What has lost its engine and is proven comes before what is
   * not, even where it does not fit yet.
   */
  next(fits: (job: Job) => boolean): Job | undefined;
  take(job: Job): void;
  /** A job that was taken takes no slot any more. */
  finished(job: Job): void;
  /** The job that stands behind this one. */
  takeSuccessor(job: Job): Job | undefined;
  /** 1 is next; undefined for a job that does not wait. */
  position(job: Job): number | undefined;
  /** The position that this job would have in the place of `old`, the live one of its session, or without one. */
  forecast(job: Job, old: Job | undefined): number;
  /** The error for a client that finds no place. */
  refusal(reason?: "full" | "client_share"): WaggleError;
}

export function createWaitingJobs(queue: AdmissionQueue<Job>): WaitingJobs {
  /**
   * By predecessor, at most one for each running job. A successor does not inherit the slot: it takes its turn in the
   * queue like everybody else, or sessions that supersede themselves would keep all slots among themselves.
   */
  const successors = new Map<Job, Job>();
  /** Those in the queue that had a slot before their engine died. */
  const returned = new Set<Job>();

  function refusal(reason: "full" | "client_share" = "full"): WaggleError {
    const retryAfterS = queue.retryAfterS();
    const what =
      reason === "full" ? `the queue is full (${queue.capacity})` : "this client's share of the queue is full";
    return new WaggleError("resource_exhausted", `Cannot accept the job: ${what}. Retry in ${retryAfterS} s.`, {
      retryAfterS,
    });
  }

  /** An unproven one lets nobody begin beside it, so streams would stand still for the whole of its prompt. */
  function next(fits: (job: Job) => boolean): Job | undefined {
    const first = queue.next(fits);
    if (first === undefined || !isUnproven(first)) return first;
    for (const job of returned) if (!isUnproven(job)) return job;
    return first;
  }

  function predecessorOf(job: Job): Job | undefined {
    for (const [predecessor, successor] of successors) if (successor === job) return predecessor;
    return undefined;
  }

  return {
    get full() {
      return queue.depth >= queue.capacity;
    },
    get length() {
      return queue.depth + successors.size;
    },
    join(job) {
      const offer = queue.offer(job, keyOf(job));
      if (!offer.ok) throw refusal(offer.reason);
    },
    replace(old, job) {
      returned.delete(old);
      if (old.state.phase.name === "queued") queue.replace(old.uid, job, keyOf(job));
      else successors.set(predecessorOf(old) ?? old, job);
    },
    enter(job, again) {
      if (again) {
        queue.putBack(job.uid);
        returned.add(job);
      } else queue.admit(job, keyOf(job));
    },
    leave(job) {
      returned.delete(job);
      queue.remove(job.uid);
      const predecessor = predecessorOf(job);
      if (predecessor !== undefined) successors.delete(predecessor);
    },
    next,
    take(job) {
      returned.delete(job);
      queue.take(job.uid);
    },
    finished: (job) => queue.finished(job.uid),
    takeSuccessor(job) {
      const successor = successors.get(job);
      successors.delete(job);
      return successor;
    },
    position(job) {
      switch (job.state.phase.name) {
        case "queued":
          return queue.position(job.uid);
        case "blocked":
          // Where it would stand, were its predecessor gone.
          return queue.depth + 1;
        case "running":
        case "ending":
        case "ended":
          return undefined;
      }
    },
    forecast: (job, old) =>
      (old === undefined ? undefined : queue.position(old.uid)) ?? queue.forecast(job, keyOf(job)),
    refusal,
  };
}

function keyOf(job: Job): QueueKey {
  const { priority, scope } = job.spec;
  return { id: job.uid, priority, client: scope.client, flow: scope.sessionId ?? "" };
}
