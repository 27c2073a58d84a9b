// Owns what a job has computed beside its stream: vectors, and the logprobs of its prompt.
import type { JobEvent } from "@waggle/engine";
import type { Job } from "./job.ts";
import { withoutContent } from "./job-spec.ts";

export type ComputedEvent = Extract<JobEvent, { type: "embedding" | "prompt_logprobs" }>;

/** Each at its own place: a job that begins again on another engine is told all of it again. */
export function keepComputed(job: Job, event: ComputedEvent): void {
  if (event.type === "embedding") job.vectors[event.index] = event.vector;
  else job.promptLogprobs.splice(event.from, event.entries.length, ...event.entries);
}

/** The job has ended: what is kept of it is for those who read its stream again. */
export function dropContent(job: Job): void {
  job.spec = withoutContent(job.spec);
  job.promptLogprobs = [];
  job.said = [];
}
