// Owns where jobs stand that have no slot: in the queue, next in line, or behind the running job of their session, whose slot they inherit.
// It moves jobs between places and tells their positions; it starts and ends none.
import { WaggleError } from "@waggle/protocol";
import type { AdmissionQueue, QueueKey } from "@waggle/queue";
import type { Job } from "./job.ts";

export interface WaitingLine {
  /** Whether a job that supersedes nobody would be refused. */
  readonly full: boolean;
  /** Jobs that wait, wherever they stand. */
  readonly length: number;
  readonly capacity: number;
  /** @throws WaggleError resource_exhausted */
  join(job: Job): void;
  /** Puts the job where `old` stands, or behind it when it runs. `old` is then to be ended by the caller. */
  replace(old: Job, job: Job): void;
  /** Takes a job out that ends before it got a slot. */
  leave(job: Job): void;
  /** The next job for a free slot, which from now on is the engine's. */
  take(): Job | undefined;
  /** The slot of `job` is being given up: its heir, if any, is next in line. */
  promoteHeir(job: Job): Job | undefined;
  /** Jobs that an engine took with it before they began go before everybody else. */
  putBack(jobs: readonly Job[]): void;
  /** The job's share of the service is over: its client runs one fewer. Nothing happens when an heir goes on with it. */
  settle(job: Job): void;
  /** 1 is next; undefined for a job that does not wait. */
  position(job: Job): number | undefined;
  /** @returns the error for a client that finds no place */
  refusal(reason?: "full" | "client_share"): WaggleError;
}

export function createWaitingLine(queue: AdmissionQueue<Job>): WaitingLine {
  /** Before the queue: heirs of a slot, and jobs that lost their engine before they began. */
  let next: Job[] = [];
  let heirs = 0;

  function refusal(reason: "full" | "client_share" = "full"): WaggleError {
    const retryAfterS = queue.retryAfterS();
    const what =
      reason === "full" ? `the queue is full (${queue.capacity})` : "this client's share of the queue is full";
    return new WaggleError("resource_exhausted", `Cannot accept the job: ${what}. Retry in ${retryAfterS} s.`, {
      retryAfterS,
    });
  }

  /** A share of the service passes on with the place: superseding must not make a client look as if it ran less. */
  function inherit(old: Job, job: Job): void {
    job.ticket = old.ticket;
    job.place = old.place;
    old.ticket = undefined;
    old.place = "left";
  }

  function follow(predecessor: Job, job: Job): void {
    const earlier = predecessor.successor;
    if (earlier === undefined) {
      heirs += 1;
      job.ticket = undefined;
      job.place = "successor";
    } else {
      earlier.predecessor = undefined;
      inherit(earlier, job);
    }
    job.predecessor = predecessor;
    predecessor.successor = job;
  }

  function unfollow(job: Job): void {
    if (job.predecessor === undefined) return;
    job.predecessor.successor = undefined;
    job.predecessor = undefined;
    heirs -= 1;
  }

  function settle(job: Job): void {
    if (job.ticket !== undefined) queue.finished(job.ticket);
    job.ticket = undefined;
  }

  return {
    get full() {
      return queue.depth >= queue.capacity;
    },
    get length() {
      return queue.depth + next.length + heirs;
    },
    get capacity() {
      return queue.capacity;
    },
    join(job) {
      const offer = queue.offer(job, keyOf(job));
      if (!offer.ok) throw refusal(offer.reason);
    },
    replace(old, job) {
      switch (old.place) {
        case "queue":
          queue.replace(old.uid, job, keyOf(job));
          old.place = "left";
          break;
        case "next":
          next = next.map((entry) => (entry === old ? job : entry));
          inherit(old, job);
          break;
        case "successor":
          if (old.predecessor !== undefined) follow(old.predecessor, job);
          break;
        case "engine":
          follow(old, job);
          break;
        case "left":
          throw new Error(`Job ${old.id} has left but still holds its session`);
      }
    },
    leave(job) {
      if (job.place === "queue") queue.remove(job.uid);
      if (job.place === "successor") unfollow(job);
      if (job.place === "next") {
        next = next.filter((entry) => entry !== job);
        settle(job);
      }
      job.place = "left";
    },
    take() {
      const job = next.shift() ?? queue.take();
      if (job !== undefined) job.place = "engine";
      return job;
    },
    promoteHeir(job) {
      const heir = job.successor;
      if (heir === undefined) return undefined;
      unfollow(heir);
      heir.ticket = job.ticket;
      job.ticket = undefined;
      heir.place = "next";
      next.push(heir);
      return heir;
    },
    putBack(jobs) {
      for (const job of jobs) job.place = "next";
      next = [...jobs, ...next];
    },
    settle,
    position(job) {
      switch (job.place) {
        case "queue": {
          const place = queue.position(job.uid);
          return place === undefined ? undefined : next.length + place;
        }
        case "next":
          return next.indexOf(job) + 1;
        case "successor":
          return 1;
        case "engine":
        case "left":
          return undefined;
      }
    },
    refusal,
  };
}

function keyOf(job: Job): QueueKey {
  const { priority, scope } = job.spec;
  return { id: job.uid, priority, client: scope.client, flow: scope.sessionId ?? "" };
}
