// Makes the engine's job for one choice of a job, or for its texts.
import { workOfChoice, type EngineJob } from "@waggle/engine";
import type { Job, SequenceState } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { priorWorkOf } from "../stream/output-so-far.ts";

/** @param jobId the id of the choice in messages to the engine */
export function engineJobOf(jobId: string, spec: JobSpec, choice = 0, prior = spec.prior): EngineJob {
  const { client, cacheSession, sessionId = cacheSession } = spec.who;
  // Clients share no cached prefixes: the time to the first token would show whether another client sent the same prompt.
  return { jobId, work: workOfChoice(spec.work, choice), cacheScope: client, sessionId, prior };
}

/** Makes the engine's job for the part of one choice, or of the texts, that no engine has computed yet. */
export function restOf(job: Job, { uid, choice }: Pick<SequenceState, "uid" | "choice">): EngineJob {
  return engineJobOf(uid, job.spec, choice, priorWorkOf(job, choice));
}
