// Owns the answers for messages between worker and engine that cannot be delivered, so that only their job or query fails. Sending throws
// when a value is nested too deep or is too long for JSON.
import type { EngineCommand, EngineEvent, JobEvent, JobFailure, JobMessage } from "@waggle/engine";

/** The engine's answer for a failure; undefined for commands without an answer. */
export function answerToUndelivered(command: EngineCommand, failure: JobFailure): JobMessage | undefined {
  switch (command.type) {
    case "prepare":
      return { type: "prepare_failed", jobId: command.job.jobId, failure };
    case "start":
      return { type: "step", events: command.choices.map(({ jobId }) => ({ type: "failed", jobId, ...failure })) };
    case "query":
      return { type: "query_result", id: command.id, answer: { kind: "failed", failure } };
    case "drop":
    case "limit_threads":
    case "cancel":
    case "shutdown":
      return undefined;
  }
}

/** Returns an event with a failure for each job or query of the undelivered event. */
export function insteadOfUndelivered(event: EngineEvent, failure: JobFailure): JobMessage | undefined {
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
