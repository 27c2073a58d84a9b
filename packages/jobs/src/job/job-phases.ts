// Divides the time of an ended job into its phases: waiting for a slot, reading the prompt, writing the answer, and its tool calls. Pure.
import type { Job, JobState } from "./job.ts";

export interface JobPhase {
  readonly name: "queue" | "prefill" | "decode" | "calls";
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

/** Returns the phases of the ended steps, and those of the present one up to this time, in order. A step that an engine's crash interrupted has each phase once. */
export function phasesUntil({ before, step, startedAt, firstTokenAt }: JobState, at: number): readonly JobPhase[] {
  const begins = [
    { name: "queue", from: step.since },
    { name: "prefill", from: startedAt },
    { name: "decode", from: firstTokenAt },
    { name: "calls", from: step.calledAt },
  ] as const;
  const reached = begins.flatMap(({ name, from }) => (from === undefined ? [] : [{ name, from }]));
  return [...before.phases, ...reached.map((phase, index) => ({ ...phase, to: reached[index + 1]?.from ?? at }))];
}

/** The durations of an ended job's phases. A phase that the job did not reach has 0 ms. */
export function phaseTimesOf({ acceptedAt, state }: Pick<Job, "acceptedAt" | "state">): PhaseTimes {
  const phases = phasesUntil(state, state.endedAt ?? acceptedAt);
  return {
    waiting_ms: durationOf("queue", phases),
    reading_ms: durationOf("prefill", phases),
    writing_ms: durationOf("decode", phases),
  };
}

/** The duration of all phases with this name. */
export function durationOf(wanted: JobPhase["name"], phases: readonly JobPhase[]): number {
  return roundMs(phases.reduce((sum, { name, from, to }) => sum + (name === wanted ? to - from : 0), 0));
}

/** Rounds to a microsecond, and negative values to 0: the clocks of two processes may differ a little. */
export function roundMs(ms: number): number {
  return Math.max(0, Math.round(ms * 1000) / 1000);
}
