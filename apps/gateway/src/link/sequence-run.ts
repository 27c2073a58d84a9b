// Defines the link's view of one sequence, from its start until the dispatcher has received its end. Every change of the phase goes through
// transition().
//
//   waiting --> published --> taken --> over        waiting --> elsewhere --> over        waiting --> withdrawn --> over
import type { FleetJob } from "@waggle/fleet";
import type { Job, SequenceState } from "@waggle/jobs";
import { createSequenceRecords } from "./sequence-records.ts";
import type { SequenceRecords } from "./sequence-records.ts";

/** `cancelledAt`: when the dispatcher asked for the end of the sequence, in milliseconds on the daemon's clock. */
export type SequencePhase =
  /** The sequence is not in the fleet's queue, as far as this gateway knows. */
  | { readonly name: "waiting" }
  /** This gateway has published the sequence, even if NATS has not confirmed that. */
  | { readonly name: "published"; readonly cancelledAt: number | undefined }
  /** A worker has taken the sequence that this gateway published. */
  | { readonly name: "taken"; readonly cancelledAt: number | undefined }
  /** Another gateway has published the sequence. */
  | { readonly name: "elsewhere"; readonly cancelledAt: number | undefined }
  /** The sequence was cancelled before it was published, and must not be published any more. */
  | { readonly name: "withdrawn" }
  /** The dispatcher has received the end of the sequence. */
  | { readonly name: "over" };

export type SequenceEvent =
  | { readonly type: "published" }
  | { readonly type: "published_elsewhere" }
  /** A worker's record of the sequence has arrived. */
  | { readonly type: "record" }
  /** The dispatcher asks for the end of the sequence. */
  | { readonly type: "cancel"; readonly at: number }
  | { readonly type: "end" };

/** @throws Error when this event is impossible in this phase, which is a defect of the caller */
export function transition(phase: SequencePhase, event: SequenceEvent): SequencePhase {
  switch (phase.name) {
    case "waiting":
      if (event.type === "published") return { name: "published", cancelledAt: undefined };
      // A worker's record shows that another gateway has published the sequence.
      if (event.type === "published_elsewhere" || event.type === "record") {
        return { name: "elsewhere", cancelledAt: undefined };
      }
      if (event.type === "cancel") return { name: "withdrawn" };
      if (event.type === "end") return { name: "over" };
      break;
    case "published":
    case "taken":
    case "elsewhere":
      if (event.type === "record") return phase.name === "published" ? { ...phase, name: "taken" } : phase;
      // The first cancel counts.
      if (event.type === "cancel") return { ...phase, cancelledAt: phase.cancelledAt ?? event.at };
      if (event.type === "end") return { name: "over" };
      break;
    case "withdrawn":
      if (event.type === "record" || event.type === "cancel") return phase;
      if (event.type === "end") return { name: "over" };
      break;
    case "over":
      break;
  }
  throw new Error(`Cannot apply "${event.type}" to a sequence: it is ${phase.name}`);
}

export interface SequenceRun {
  readonly job: Job;
  /** The dispatcher's name of the sequence. */
  readonly uid: string;
  phase: SequencePhase;
  /** Its id is final once the job's record is written. */
  fleetJob: FleetJob;
  readonly records: SequenceRecords;
  lastRecordAt: number;
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
    phase: { name: "waiting" },
    records: createSequenceRecords(job.takenOver !== undefined),
    stop: () => {},
  };
}

export function apply(run: SequenceRun, event: SequenceEvent): void {
  run.phase = transition(run.phase, event);
}

/** The phase now. Ask after each wait. */
export function phaseOf({ phase }: SequenceRun): SequencePhase["name"] {
  return phase.name;
}

/** Whether the dispatcher has received the end of the sequence. */
export function isOver({ phase }: SequenceRun): boolean {
  return phase.name === "over";
}

/** Whether the sequence may be published or followed. */
export function isWanted({ phase }: SequenceRun): boolean {
  return phase.name !== "withdrawn" && phase.name !== "over";
}

export function isCancelled(run: SequenceRun): boolean {
  return phaseOf(run) === "withdrawn" || cancelledAt(run) < Infinity;
}

/** When the published sequence was cancelled; Infinity if it was not. */
export function cancelledAt({ phase }: SequenceRun): number {
  return "cancelledAt" in phase ? (phase.cancelledAt ?? Infinity) : Infinity;
}
