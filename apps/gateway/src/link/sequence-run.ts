// Owns what the link remembers of one sequence from the moment when it is handed over until its end has been told.
import type { FleetJob } from "@waggle/fleet";
import type { Job, SequenceState } from "@waggle/jobs";
import { createSequenceRecords } from "./sequence-records.ts";
import type { SequenceRecords } from "./sequence-records.ts";

export interface SequenceRun {
  readonly job: Job;
  /** The dispatcher's name for it. */
  readonly uid: string;
  /** Gets its final name with the job's record. */
  fleetJob: FleetJob;
  /** Another gateway has put it into the queue. */
  followed: boolean;
  readonly records: SequenceRecords;
  /** It is in the queue, or may be: whoever asked for that may not have heard the answer. */
  handedOver: boolean;
  cancelled: boolean;
  /** Milliseconds on the daemon's clock. */
  cancelledAt: number;
  heardAt: number;
  /** Its end has been told. */
  over: boolean;
  /** Ends the following. */
  stop: () => void;
}

export function createSequenceRun(
  job: Job,
  { uid }: Pick<SequenceState, "uid">,
  made: Pick<SequenceRun, "fleetJob" | "heardAt">,
): SequenceRun {
  return {
    job,
    uid,
    ...made,
    followed: false,
    records: createSequenceRecords(job.adopted),
    handedOver: false,
    cancelled: false,
    cancelledAt: 0,
    over: false,
    stop: () => {},
  };
}

/** Asked after each wait: it may have ended meanwhile. */
export function isOver({ over }: SequenceRun): boolean {
  return over;
}
