// Owns the link's state of one sequence, from its start until the dispatcher has its end.
import type { FleetJob } from "@waggle/fleet";
import type { Job, SequenceState } from "@waggle/jobs";
import { createSequenceRecords } from "./sequence-records.ts";
import type { SequenceRecords } from "./sequence-records.ts";

export interface SequenceRun {
  readonly job: Job;
  /** The dispatcher's name for it. */
  readonly uid: string;
  /** Gets its final id with the job's record. */
  fleetJob: FleetJob;
  /** Another gateway has published it. */
  publishedElsewhere: boolean;
  readonly records: SequenceRecords;
  /** It is in the queue, or may be: the answer to the publish may have been lost. */
  published: boolean;
  cancelled: boolean;
  /** Milliseconds on the daemon's clock. */
  cancelledAt: number;
  lastRecordAt: number;
  /** The dispatcher has its end. */
  over: boolean;
  /** Ends the subscription. */
  stop: () => void;
}

export function createSequenceRun(
  job: Job,
  { uid }: Pick<SequenceState, "uid">,
  made: Pick<SequenceRun, "fleetJob" | "lastRecordAt">,
): SequenceRun {
  return {
    job,
    uid,
    ...made,
    publishedElsewhere: false,
    records: createSequenceRecords(job.takenOver),
    published: false,
    cancelled: false,
    cancelledAt: 0,
    over: false,
    stop: () => {},
  };
}

/** Checked after each wait: it may have ended meanwhile. */
export function isOver({ over }: SequenceRun): boolean {
  return over;
}
