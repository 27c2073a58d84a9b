// Owns what is answered in place of a message between worker and engine that cannot be delivered, so that whoever waits
// hears of it and nobody else notices. JSON refuses what is nested too deep or too long; the sender finds that out.
import type { EngineCommand, EngineEvent, JobEvent, JobFailure } from "@waggle/engine";

/** What the engine would have answered, had it failed; undefined where nobody waits for an answer. */
export function answerToUndelivered(command: EngineCommand, failure: JobFailure): EngineEvent | undefined {
  switch (command.type) {
    case "preflight":
      return { type: "preflight_failed", jobId: command.job.jobId, failure };
    case "submit":
      return { type: "step", events: [{ type: "failed", jobId: command.job.jobId, ...failure }] };
    case "query":
      return { type: "query_result", id: command.id, answer: { kind: "failed", failure } };
    case "end_preflight":
    case "limit_threads":
    case "cancel":
    case "shutdown":
      return undefined;
  }
}

/** The same event without what the engine made: its jobs and its answer fail. */
export function insteadOfUndelivered(event: EngineEvent, failure: JobFailure): EngineEvent | undefined {
  switch (event.type) {
    case "step":
      return { ...event, events: jobIdsOf(event.events).map((jobId) => ({ type: "failed", jobId, ...failure })) };
    case "query_result":
      return { type: "query_result", id: event.id, answer: { kind: "failed", failure } };
    default:
      return undefined;
  }
}

export function jobIdsOf(events: readonly JobEvent[]): readonly string[] {
  return [...new Set(events.map(({ jobId }) => jobId))];
}
