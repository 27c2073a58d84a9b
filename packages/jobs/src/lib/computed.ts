// Owns what a job has computed beside its stream: vectors, and the logprobs of its prompt.
import type { JobEvent } from "@waggle/engine";
import type { Job } from "./job.ts";
import { withoutContent } from "./job-spec.ts";

export type ComputedEvent = Extract<JobEvent, { type: "embedding" | "prompt_logprobs" }>;

/** Each at its own place: what another engine computes again is told again. */
export function keepComputed(job: Job, event: ComputedEvent): void {
  if (event.type === "embedding") job.vectors[event.index] = event.vector;
  else job.promptLogprobs.splice(event.from, event.entries.length, ...event.entries);
}

/** Another model is to run it: none of that is its. */
export function forgetComputed({ vectors }: Pick<Job, "vectors">): void {
  vectors.length = 0;
}

/** The job has ended: what is kept of it is for those who read its stream again. */
export function dropContent(job: Job): void {
  job.spec = withoutContent(job.spec);
  job.promptLogprobs = [];
  job.said = [];
}
