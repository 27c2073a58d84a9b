// Defines the link's view of one sequence, from its start until the dispatcher has received its end. Every change of the phase goes through
// transition().
//
//   waiting --> published --> taken --> over        waiting --> elsewhere --> over        waiting --> withdrawn --> over
import type { FleetJob } from "@waggle/fleet";
import type { Job, SequenceState } from "@waggle/jobs";
import { createSequenceRecords } from "./sequence-records.ts";
import type { SequenceRecords } from "./sequence-records.ts";

export type SequencePhase =
  /** The sequence is not in the fleet's queue, as far as this gateway knows. */
  | "waiting"
  /** This gateway has published the sequence, even if NATS has not confirmed that. */
  | "published"
  /** A worker has taken the sequence that this gateway published. */
  | "taken"
  /** Another gateway has published the sequence. */
  | "elsewhere"
  /** The sequence was cancelled before it was published, and must not be published any more. */
  | "withdrawn"
  /** The dispatcher has received the end of the sequence. */
  | "over";

/** `record`: a worker's record of the sequence has arrived. `cancel`: the dispatcher asks for the end of the sequence. */
export type SequenceEvent = "publish" | "find_published" | "record" | "cancel" | "end";

const table: Record<SequencePhase, Partial<Record<SequenceEvent, SequencePhase>>> = {
  // A worker's record shows that another gateway has published the sequence.
  waiting: {
    publish: "published",
    find_published: "elsewhere",
    record: "elsewhere",
    cancel: "withdrawn",
    end: "over",
  },
  published: { record: "taken", cancel: "published", end: "over" },
  taken: { record: "taken", cancel: "taken", end: "over" },
  elsewhere: { record: "elsewhere", cancel: "elsewhere", end: "over" },
  withdrawn: { record: "withdrawn", end: "over" },
  over: {},
};

/** @throws Error when this event is impossible in this phase, which is a defect of the caller */
export function transition(phase: SequencePhase, event: SequenceEvent): SequencePhase {
  const next = table[phase][event];
  if (next === undefined) throw new Error(`Cannot apply "${event}" to a sequence: it is ${phase}`);
  return next;
}

export interface SequenceRun {
  readonly job: Job;
  /** The dispatcher's name of the sequence. */
  readonly uid: string;
  phase: SequencePhase;
  /** When the dispatcher asked for the end of the sequence, in milliseconds on the daemon's clock. */
  cancelledAt: number | undefined;
  /** Its id is final once the job's record is written. */
  fleetJob: FleetJob;
  readonly records: SequenceRecords;
  /** When the last record came. Before the first one: when the sequence was published or, before that, started. */
  lastRecordAt: number;
  /** How often the sequence was lost from the fleet's queue and published again. */
  again: number;
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
    phase: "waiting",
    again: 0,
    cancelledAt: undefined,
    records: createSequenceRecords(job.takenOver !== undefined),
    stop: () => {},
  };
}

export function apply(run: SequenceRun, event: SequenceEvent): void {
  run.phase = transition(run.phase, event);
}

/** The phase now. Ask after each wait. */
export function phaseOf({ phase }: SequenceRun): SequencePhase {
  return phase;
}

/** Whether the sequence may be published or followed. */
export function isWanted({ phase }: SequenceRun): boolean {
  return phase !== "withdrawn" && phase !== "over";
}
