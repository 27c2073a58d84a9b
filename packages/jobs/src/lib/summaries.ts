// Owns what is said of a job outside its stream. Pure.
import { routePath, workerRoutes } from "@waggle/protocol";
import type { JobAccepted, JobStatus } from "@waggle/protocol";
import { finishReasonOf, stateNameOf } from "./job.ts";
import type { Job, Outcome } from "./job.ts";
import { timingsOf, usageOf } from "./stream-events.ts";

export function acceptedOf(job: Job, position: number): JobAccepted {
  const path = routePath(workerRoutes.streamJob, { id: job.id });
  return { job_id: job.id, sse_url: path, state: stateNameOf(job.state), position };
}

/** @param position undefined for a job that has ended */
export function statusOf(job: Job, position: number | undefined): JobStatus {
  const { phase } = job.state;
  const { sessionId } = job.spec.scope;
  return {
    job_id: job.id,
    ...(sessionId === undefined ? {} : { session_id: sessionId }),
    state: stateNameOf(job.state),
    ...(position === undefined ? {} : { position }),
    tokens: job.log.nextToken,
    ...(phase.name === "ended" ? endOf(phase.outcome) : {}),
    ...(phase.name === "ended" ? { usage: usageOf(job.state), timings: timingsOf(job, job.state) } : {}),
  };
}

function endOf(outcome: Outcome): Pick<JobStatus, "finish_reason" | "cancelled_by" | "error"> {
  switch (outcome.type) {
    case "finished":
      return { finish_reason: finishReasonOf(outcome.by) };
    case "cancelled":
      return { finish_reason: "cancelled", cancelled_by: outcome.by };
    case "failed":
      return { error: { code: outcome.code, message: outcome.message } };
  }
}
