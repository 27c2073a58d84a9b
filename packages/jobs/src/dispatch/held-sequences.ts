// Owns the sequences that the executor has. Decides which slots and which company a job may have, and which lane jobs must yield to it: a lane job holds a
// slot only as far as no other job needs the slot.
import { isLane } from "@waggle/protocol";
import { aloneMs, isSuspect, mayStartWith } from "../job/crash-blame.ts";
import { isYielding, type Job } from "../job/job.ts";
import type { Executor } from "./executor-port.ts";

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
  /** Whether there are slots for all sequences of the job. A job with more sequences than there are slots needs all slots. */
  hasSlotsFor(job: Job): boolean;
  /** Whether the job could start now if it were next: it has slots, and no sequence runs that must not run together with the job. */
  hasRoomFor(job: Job): boolean;
  /** Whether other jobs may pass this one: a suspect waits for the output of another suspect. */
  isPassable(job: Job): boolean;
  /** Whether a suspect runs alone: if this engine dies too, no other job or query must be the reason. A suspect of the lane may be disturbed. */
  readonly runsSuspect: boolean;
  /** The lane jobs that must yield to this job, the latest first: as many as it needs, and those with which it may not start. */
  inTheWayOf(job: Job): readonly Job[];
  /** The lane jobs that run and do not yield yet, the latest first. */
  readonly runningLane: readonly Job[];
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

  function slotsNeeded({ state }: Job): number {
    const needed = state.sequences.filter(({ stoppedBy }) => stoppedBy === undefined).length;
    return Math.min(needed, executor.slots);
  }

  const hasSlotsFor = (job: Job): boolean => slotsNeeded(job) <= roomFor(isOfLane(job));

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
    hasSlotsFor,
    hasRoomFor: (job) => hasSlotsFor(job) && mayStartWith(job, held.values(), isAlone),
    isPassable: (job) => isSuspect(job) && jobs().some((other) => isSuspect(other) && !isAlone(other)),
    get runsSuspect() {
      return jobs().some((job) => isSuspect(job) && isAlone(job) && !isOfLane(job));
    },
    inTheWayOf(job) {
      if (isOfLane(job) || executor.yieldsItself === true) return [];
      const running = runningLane();
      let missing = slotsNeeded(job) - executor.slots + count((other) => !isOfLane(other) || running.includes(other));
      return running.filter((other) => {
        const isNeeded = missing > 0 || !mayStartWith(job, [other], isAlone);
        if (isNeeded) missing -= other.state.sequences.filter((sequence) => sequence.held).length;
        return isNeeded;
      });
    },
    get runningLane() {
      return runningLane();
    },
  };
}
