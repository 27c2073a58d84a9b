// Owns how a job looks from outside: usage, timings, status. Pure.
import { errorKinds, routePath, workerRoutes } from "@waggle/protocol";
import type { JobAccepted, JobStatus, TerminalEvent, Timings, Usage } from "@waggle/protocol";
import { isFinal } from "./job.ts";
import type { Job, Outcome } from "./job.ts";

function usageOf(job: Job): Usage {
  const { promptTokens, cachedTokens, completionTokens } = job.counts;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    cached_tokens: cachedTokens,
  };
}

function timingsOf(job: Job, endedAt: number): Timings {
  const { prefillMs, decodeMs, completionTokens } = job.counts;
  return {
    queue_ms: roundMs((job.startedAt ?? endedAt) - job.acceptedAt),
    prefill_ms: roundMs(prefillMs),
    decode_ms: roundMs(decodeMs),
    total_ms: roundMs(endedAt - job.acceptedAt),
    tokens_per_second: decodeMs > 0 ? roundMs(((completionTokens - 1) * 1000) / decodeMs) : 0,
  };
}

/** What every event of the job's stream carries. */
export function streamKeys(job: Job): { stream_id: string; session_id?: string } {
  const session = job.spec.scope.sessionId;
  return session === undefined ? { stream_id: job.id } : { stream_id: job.id, session_id: session };
}

export function terminalEventOf(job: Job, outcome: Outcome, endedAt: number): TerminalEvent {
  if (outcome.type === "failed") {
    return {
      type: "error",
      ...streamKeys(job),
      code: outcome.code,
      message: outcome.message,
      retryable: errorKinds[outcome.code].retryable,
      ...(outcome.details === undefined ? {} : { details: outcome.details }),
    };
  }
  return {
    type: "end",
    ...streamKeys(job),
    ...(outcome.type === "finished"
      ? { finish_reason: outcome.reason }
      : { finish_reason: "cancelled" as const, cancelled_by: outcome.by }),
    ...(job.parts.length > 1
      ? { choices: job.parts.map(({ reason }) => ({ finish_reason: reason ?? ("cancelled" as const) })) }
      : {}),
    usage: usageOf(job),
    timings: timingsOf(job, endedAt),
  };
}

export function acceptedOf(job: Job, position: number): JobAccepted {
  return {
    job_id: job.id,
    sse_url: routePath(workerRoutes.streamJob, { id: job.id }),
    state: job.state.name,
    position,
  };
}

export function statusOf(job: Job, position: number | undefined): JobStatus {
  const { state } = job;
  return {
    job_id: job.id,
    ...(job.spec.scope.sessionId === undefined ? {} : { session_id: job.spec.scope.sessionId }),
    state: state.name,
    ...(position === undefined ? {} : { position }),
    tokens: job.log.nextToken,
    ...(state.name === "finished" ? { finish_reason: state.reason } : {}),
    ...(state.name === "cancelled" ? { finish_reason: "cancelled" as const, cancelled_by: state.by } : {}),
    ...(state.name === "failed" ? { error: { code: state.code, message: state.message } } : {}),
    ...(isFinal(state.name) ? { usage: usageOf(job), timings: timingsOf(job, job.endedAt ?? job.acceptedAt) } : {}),
  };
}

/** To the microsecond; a clock that was read twice may be a hair behind itself. */
export function roundMs(ms: number): number {
  return Math.max(0, Math.round(ms * 1000) / 1000);
}
