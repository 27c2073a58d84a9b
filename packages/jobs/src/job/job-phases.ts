// Divides the time of an ended job into its phases: waiting for a slot, reading the prompt, and writing the answer. Pure.
import type { Job } from "./job.ts";
import { roundMs } from "./stream-events.ts";

export interface JobPhase {
  readonly name: "queue" | "prefill" | "decode";
  /** Start, in milliseconds of the daemon's clock. */
  readonly from: number;
  readonly to: number;
}

/** Names are those on the wire and in the log. */
export interface PhaseTimes {
  readonly waiting_ms: number;
  readonly reading_ms: number;
  readonly writing_ms: number;
}

/** Returns the phases that an ended job reached, in order and without gaps. A job that an engine's crash interrupted has each phase once. */
export function phasesOf({ acceptedAt, state }: Pick<Job, "acceptedAt" | "state">): readonly JobPhase[] {
  const { startedAt, firstTokenAt, endedAt = acceptedAt } = state;
  const begins = [
    { name: "queue", from: acceptedAt },
    { name: "prefill", from: startedAt },
    { name: "decode", from: firstTokenAt },
  ] as const;
  const reached = begins.flatMap(({ name, from }) => (from === undefined ? [] : [{ name, from }]));
  return reached.map((phase, index) => ({ ...phase, to: reached[index + 1]?.from ?? endedAt }));
}

/** The durations of the phases. A phase that the job did not reach has 0 ms. */
export function phaseTimesOf(job: Pick<Job, "acceptedAt" | "state">): PhaseTimes {
  const phases = phasesOf(job);
  const durationOf = (wanted: JobPhase["name"]): number => {
    const phase = phases.find(({ name }) => name === wanted);
    return phase === undefined ? 0 : roundMs(phase.to - phase.from);
  };
  return { waiting_ms: durationOf("queue"), reading_ms: durationOf("prefill"), writing_ms: durationOf("decode") };
}
