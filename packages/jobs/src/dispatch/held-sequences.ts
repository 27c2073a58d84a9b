// Owns the sequences that the executor has, counts the slots that they leave to a job, and chooses the lane jobs that must yield to it. A lane job holds
// a slot only as far as no other job needs the slot.
import { isLane } from "@waggle/protocol";
import { isSuspect, mayStartWith } from "../job/crash-blame.ts";
import { isYielding, type Job } from "../job/job.ts";
import type { Executor } from "./executor-port.ts";

export interface HeldSequences {
  add(uid: string, job: Job): void;
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
  /** Whether no sequence runs that must not run together with the job. */
  mayStart(job: Job): boolean;
  /** Whether a suspect runs that must not be disturbed. A suspect of the lane may be. */
  readonly runsSuspect: boolean;
  /** Whether a suspect may start that waits for another suspect's output. */
  readonly runsSuspectInCompany: boolean;
  /** The lane jobs that must yield to this job, the latest first: as many as it needs, and those with which it may not start. */
  inTheWayOf(job: Job): readonly Job[];
  /** The lane jobs that run and do not yield yet, the latest first. */
  readonly runningLane: readonly Job[];
}

/** @param isAlone whether the suspect still runs alone */
export function createHeldSequences(
  executor: Pick<Executor, "slots" | "yieldsItself">,
  isAlone: (suspect: Job) => boolean,
): HeldSequences {
  /** The job of each sequence, in the order of the starts. An ended job stays until the executor has released its sequences. */
  const held = new Map<string, Job>();

  const isOfLane = ({ spec }: Job): boolean => isLane(spec.when);
  const jobs = (): readonly Job[] => [...new Set(held.values())];
  const count = (counts: (job: Job) => boolean): number => [...held.values()].filter(counts).length;

  function roomFor(forLane: boolean): number {
    const laneSize = count(isOfLane);
    if (!forLane) return executor.slots - (held.size - laneSize);
    // In a fleet, a lane job waits for a worker with an idle slot, and lane jobs that have yielded keep no other from it.
    return executor.slots - (executor.yieldsItself === true ? laneSize : held.size);
  }

  const runningLane = (): readonly Job[] =>
    jobs()
      .filter((job) => isOfLane(job) && job.state.phase.name === "running" && !isYielding(job))
      .toReversed();

  function slotsNeeded({ state }: Job): number {
    const needed = state.sequences.filter(({ stoppedBy }) => stoppedBy === undefined).length;
    return Math.min(needed, executor.slots);
  }

  return {
    add: (uid, job) => void held.set(uid, job),
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
    hasSlotsFor: (job) => slotsNeeded(job) <= roomFor(isOfLane(job)),
    mayStart: (job) => mayStartWith(job, held.values(), isAlone),
    get runsSuspect() {
      return jobs().some((job) => isSuspect(job) && isAlone(job) && !isOfLane(job));
    },
    get runsSuspectInCompany() {
      return jobs().some((job) => isSuspect(job) && !isAlone(job));
    },
    inTheWayOf(job) {
      if (isOfLane(job) || executor.yieldsItself === true) return [];
      const running = runningLane();
      const lane = new Set(running);
      let missing = slotsNeeded(job) - executor.slots + count((other) => !isOfLane(other) || lane.has(other));
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
