// Owns the sequences that the executor has. Decides which slots and which company a job may have, and what must yield to it: a lane job holds a slot only
// as far as no other job needs the slot, and a client holds at most one slot more than a client that waits for one.
import { isLane } from "@waggle/protocol";
import { aloneMs, isSuspect, mayStartWith } from "../job/crash-blame.ts";
import { isYielding, type Job } from "../job/job.ts";
import type { Executor } from "./executor-port.ts";

/**
 * So long a job waits before a client that holds more slots gives one back: many steps, because a sequence that loses its slot may have to compute its
 * context again, and other sequences may end meanwhile.
 */
export const shareAfterMs = 200;

export interface HeldSequences {
  /** A suspect runs alone from now on, for at most `aloneMs`. */
  add(job: Job, uids: readonly string[]): void;
  get(uid: string): Job | undefined;
  delete(uid: string): void;
  /** Removes all sequences, and returns their jobs. */
  clear(): readonly Job[];
  /** Number of all sequences, and number of those of lane jobs. */
  readonly size: number;
  readonly laneSize: number;
  /** Number of slots that a job may have: a lane job those without a sequence, another job also those of lane jobs. */
  roomFor(isOfLane: boolean): number;
  /** Whether a sequence of the job could start now if it were next: it has a slot, and no sequence runs that must not run together with the job. */
  hasRoomFor(job: Job): boolean;
  /** Whether other jobs may pass this one: a suspect waits for the output of another suspect. */
  isPassable(job: Job): boolean;
  /** Whether a suspect runs alone: if this engine dies too, no other job or query must be the reason. A suspect of the lane may be disturbed. */
  readonly runsSuspect: boolean;
  /** The lane jobs that must yield to this job, the latest first: as many as it needs, and those with which it may not start. */
  inTheWayOf(job: Job): readonly Job[];
  /**
   * The sequence that should give its slot to this job: of the clients with at least two slots more than the job's client, the latest of the client
   * with most slots. Undefined without such a client, or if a slot becomes free anyway.
   */
  rivalOf(job: Job): { readonly uid: string; readonly job: Job } | undefined;
  /** The lane jobs that run and do not yield yet, the latest first. */
  readonly runningLane: readonly Job[];
}

function clientOf({ spec }: Job): string {
  return spec.who.client;
}

export function createHeldSequences(
  executor: Pick<Executor, "slots" | "yieldsItself">,
  now: () => number,
): HeldSequences {
  /** The job of each sequence, in the order of the starts. An ended job stays until the executor has released its sequences. */
  const held = new Map<string, Job>();
  /** Until when each suspect runs alone. */
  const aloneUntil = new WeakMap<Job, number>();

  const isOfLane = ({ spec }: Job): boolean => isLane(spec.when);
  const isAlone = (suspect: Job): boolean => now() < (aloneUntil.get(suspect) ?? 0);
  const jobs = (): readonly Job[] => [...new Set(held.values())];
  const count = (counts: (job: Job) => boolean): number => [...held.values()].filter(counts).length;

  function roomFor(forLane: boolean): number {
    if (!forLane) return executor.slots - count((job) => !isOfLane(job));
    // In a fleet, a lane job waits for a worker with an idle slot, and lane jobs that have yielded keep no other from it.
    return executor.slots - (executor.yieldsItself === true ? count(isOfLane) : held.size);
  }

  const runningLane = (): readonly Job[] =>
    jobs()
      .filter((job) => isOfLane(job) && job.state.phase.name === "running" && !isYielding(job))
      .toReversed();

  return {
    add(job, uids) {
      for (const uid of uids) held.set(uid, job);
      if (isSuspect(job)) aloneUntil.set(job, now() + aloneMs);
    },
    get: (uid) => held.get(uid),
    delete: (uid) => void held.delete(uid),
    clear() {
      const all = jobs();
      held.clear();
      return all;
    },
    get size() {
      return held.size;
    },
    get laneSize() {
      return count(isOfLane);
    },
    roomFor,
    hasRoomFor: (job) => roomFor(isOfLane(job)) > 0 && mayStartWith(job, held.values(), isAlone),
    isPassable: (job) => isSuspect(job) && jobs().some((other) => isSuspect(other) && !isAlone(other)),
    get runsSuspect() {
      return jobs().some((job) => isSuspect(job) && isAlone(job) && !isOfLane(job));
    },
    inTheWayOf(job) {
      if (isOfLane(job) || executor.yieldsItself === true) return [];
      const running = runningLane();
      let missing = 1 - executor.slots + count((other) => !isOfLane(other) || running.includes(other));
      return running.filter((other) => {
        const isNeeded = missing > 0 || !mayStartWith(job, [other], isAlone);
        if (isNeeded) missing -= other.state.sequences.filter((sequence) => sequence.held).length;
        return isNeeded;
      });
    },
    rivalOf(job) {
      // A suspect would get no slot that becomes free: other jobs, among them the one that gave it, start before it.
      if (isOfLane(job) || isSuspect(job) || executor.yieldsItself === true || roomFor(false) > 0) return undefined;
      const foreground = [...held].map(([uid, other]) => ({ uid, job: other })).filter((one) => !isOfLane(one.job));
      const isLeaving = (other: Job): boolean => other.state.phase.name !== "running" || isYielding(other);
      if (foreground.some((one) => isLeaving(one.job))) return undefined;
      const slots = new Map<string, number>();
      for (const one of foreground) slots.set(clientOf(one.job), slotsOf(one.job) + 1);
      function slotsOf(other: Job): number {
        return slots.get(clientOf(other)) ?? 0;
      }
      const rivals = foreground.filter(
        (one) => slotsOf(one.job) >= slotsOf(job) + 2 && one.job.spec.when.priority <= job.spec.when.priority,
      );
      return rivals.toReversed().toSorted((a, b) => slotsOf(b.job) - slotsOf(a.job))[0];
    },
    get runningLane() {
      return runningLane();
    },
  };
}
