// Describes a job outside its stream: the response on acceptance, the job's status, and lists of jobs. Pure.
import { jobListLimit, routePath, workerRoutes } from "@waggle/protocol";
import type { EndedJob, JobAccepted, JobList, JobStatus, ListedJob } from "@waggle/protocol";
import { phaseTimesOf } from "../job/job-phases.ts";
import { finishReasonOf, isWaiting, outcomeReason, stateNameOf } from "../job/job.ts";
import type { Job, Outcome } from "../job/job.ts";
import { timingsOf, totalCountsOf, usageOf } from "../job/stream-events.ts";

/** The id of the worker that runs the job, or ran it last; undefined if no worker has taken it yet. */
export type WorkerOf = (job: Job) => string | undefined;

export function acceptedOf(job: Job, position: number): JobAccepted {
  const path = routePath(workerRoutes.streamJob, { id: job.id });
  return { job_id: job.id, sse_url: path, state: stateNameOf(job.state), position };
}

/** @param position undefined for a job that has ended */
export function jobStatus(job: Job, position: number | undefined): JobStatus {
  const { phase } = job.state;
  const { sessionId } = job.spec.who;
  return {
    job_id: job.id,
    ...(sessionId === undefined ? {} : { session_id: sessionId }),
    state: stateNameOf(job.state),
    ...callingOf(job),
    ...(position === undefined ? {} : { position }),
    tokens: job.log.nextToken,
    ...(phase.name === "ended" ? endFields(phase.outcome) : {}),
    ...(phase.name === "ended" ? { usage: usageOf(job.state), timings: timingsOf(job, job.state) } : {}),
  };
}

/**
 * Lists running jobs first, then waiting jobs in the order of the queue.
 * @param of the job's queue position, and at a gateway its worker
 * @param now the daemon clock's milliseconds
 */
export function jobListOf(
  jobs: readonly Job[],
  of: { readonly position: (job: Job) => number | undefined; readonly workerOf?: WorkerOf | undefined },
  now: number,
): Omit<JobList, "of"> {
  const listed = jobs.map((job) => {
    const worker = of.workerOf?.(job);
    return { ...listedOf(job, of.position(job) ?? 0, now), ...(worker === undefined ? {} : { worker }) };
  });
  const inOrder = listed.toSorted((a, b) => a.position - b.position || b.age_ms - a.age_ms);
  return { jobs: inOrder.slice(0, jobListLimit), total: jobs.length };
}

/**
 * Describes a job that has just ended.
 * @param now time of day, milliseconds since 1970
 */
export function endedOf(job: Job, outcome: Outcome, now: number): EndedJob {
  const { spec, state } = job;
  const { promptTokens, cachedTokens, completionTokens } = totalCountsOf(state);
  const { step, sequences } = state;
  const computed = state.startedAt === undefined ? step.index : step.index + 1;
  const calls = step.firstCall + (step.calledAt === undefined ? 0 : (sequences[0]?.message?.calls.length ?? 0));
  return {
    ...aboutOf(job),
    state: outcome.type,
    reason: outcomeReason(outcome),
    ended_at: new Date(now).toISOString(),
    prompt_tokens: promptTokens,
    cached_tokens: cachedTokens,
    tokens: completionTokens,
    ...(spec.calls === undefined || computed === 0 ? {} : { steps: computed }),
    ...(spec.calls === undefined ? {} : { calls }),
    ...phaseTimesOf(job),
  };
}

/** Returns the longest wait of these jobs; 0 if no job waits. @param now the daemon clock's milliseconds */
export function oldestWaitMs(jobs: readonly Job[], now: number): number {
  return jobs.filter(isWaiting).reduce((longest, { state }) => Math.max(longest, now - state.step.since), 0);
}

function listedOf(job: Job, position: number, now: number): ListedJob {
  const { state, log, acceptedAt } = job;
  const { startedAt, firstTokenAt, counts } = state;
  const name = stateNameOf(state);
  const decodeMs = name !== "decode" || firstTokenAt === undefined ? 0 : now - firstTokenAt;
  const written = log.nextToken - state.step.firstToken;
  return {
    ...aboutOf(job),
    state: name === "prefill" || name === "decode" || name === "calling" ? name : "queued",
    ...callingOf(job),
    position,
    ...(startedAt === undefined ? {} : { prompt_tokens: counts.promptTokens }),
    tokens: log.nextToken,
    ...(decodeMs > 0 && written > 1 ? { tokens_per_second: perSecond(written - 1, decodeMs) } : {}),
    age_ms: Math.max(0, Math.round(now - acceptedAt)),
    ...(startedAt === undefined ? {} : { running_ms: Math.max(0, Math.round(now - startedAt)) }),
  };
}

function aboutOf({
  id,
  spec,
}: Job): Pick<ListedJob, "job_id" | "stream_id" | "client" | "session_id" | "kind" | "model"> {
  const { client, sessionId, streamId } = spec.who;
  const stream = streamId === undefined ? {} : { stream_id: streamId };
  const session = sessionId === undefined ? {} : { session_id: sessionId };
  return { job_id: id, ...stream, client, ...session, kind: spec.work.kind, model: spec.model };
}

/** The step of a job with tool calls, and the call that runs. */
function callingOf({ spec, state: { phase, step } }: Job): Pick<JobStatus, "step" | "call"> {
  if (spec.calls === undefined) return {};
  const { call } = phase.name === "calling" ? phase : {};
  return { step: step.index, ...(call === undefined ? {} : { call }) };
}

function perSecond(count: number, ms: number): number {
  return Math.round((count * 10_000) / ms) / 10;
}

function endFields(outcome: Outcome): Pick<JobStatus, "finish_reason" | "cancelled_by" | "error"> {
  switch (outcome.type) {
    case "finished":
      return { finish_reason: finishReasonOf(outcome.by) };
    case "cancelled":
      return { finish_reason: "cancelled", cancelled_by: outcome.by };
    case "failed":
      return { error: { code: outcome.code, message: outcome.message } };
  }
}
