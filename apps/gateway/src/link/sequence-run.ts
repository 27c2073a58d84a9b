// Owns the link's state of one sequence, from the start of the sequence until the dispatcher has received its end.
import type { FleetJob } from "@waggle/fleet";
import type { Job, SequenceState } from "@waggle/jobs";
import { createSequenceRecords } from "./sequence-records.ts";
import type { SequenceRecords } from "./sequence-records.ts";

export interface SequenceRun {
  readonly job: Job;
  /** The dispatcher's name of the sequence. */
  readonly uid: string;
  /** Its id is final once the job's record is written. */
  fleetJob: FleetJob;
  /** Whether another gateway has published the sequence. */
  publishedElsewhere: boolean;
  readonly records: SequenceRecords;
  /** Whether this gateway has published the sequence, even if NATS has not confirmed that. */
  published: boolean;
  cancelled: boolean;
  /** Milliseconds on the daemon's clock. */
  cancelledAt: number;
  lastRecordAt: number;
  /** Whether the dispatcher has received the end of the sequence. */
  over: boolean;
  /** Ends the subscription to the sequence's records. */
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

/** Call after each wait, because the sequence may have ended meanwhile. */
export function isOver({ over }: SequenceRun): boolean {
  return over;
}
