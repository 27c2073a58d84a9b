// Owns the answers for messages between worker and engine that cannot be delivered, so that their job or question fails alone. JSON refuses values
// that are nested too deep or too long; the sender gets that error.
import type { EngineCommand, EngineEvent, JobEvent, JobFailure } from "@waggle/engine";

/** The engine's answer for a failure; undefined for commands without an answer. */
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

/** Returns the same event without its contents: the failures of its jobs and of its answer. */
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
