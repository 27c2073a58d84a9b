// Keeps the output of a job so far: the tokens after which the next engine continues, vectors, and the logprobs of the prompt.
import type { JobEvent, PriorOutput, PriorWork, Token } from "@waggle/engine";
import type { Job } from "../job/job.ts";
import { withoutContent } from "../job/job-spec.ts";

/** The tokens of one choice, in the fields of PriorOutput. The list grows with each token event. */
export interface OutputSoFar {
  readonly ids: Token[];
  events: number;
}

/** Output that is not in the stream. */
export type ComputedEvent = Extract<JobEvent, { type: "embedding" | "prompt_logprobs" }>;

/** Copies the output of one choice so far. */
export function priorOutputOf({ output }: Pick<Job, "output">, choice: number): PriorOutput {
  const { ids = [], events = 0 } = output[choice] ?? {};
  return { ids: [...ids], events };
}

/** The part of one choice, or of the texts, that earlier engines have computed. */
export function priorWorkOf(job: Pick<Job, "output" | "vectors">, choice: number): PriorWork {
  const output = priorOutputOf(job, choice);
  return { ...(output.events === 0 ? {} : { output }), computed: job.vectors.length };
}

export function addOutput({ output }: Pick<Job, "output">, added: { choice: number; ids: readonly Token[] }): void {
  const soFar = output[added.choice];
  if (soFar === undefined) return;
  soFar.events += 1;
  for (const id of added.ids) soFar.ids.push(id);
}

/** Stores each result at its index, because a later engine may compute and send the same result again. */
export function keepComputed(job: Job, event: ComputedEvent): void {
  if (event.type === "embedding") job.vectors[event.index] = event.vector;
  else job.promptLogprobs.splice(event.from, event.entries.length, ...event.entries);
}

/** Drops the content of an ended job except for its stream, which clients may still read. */
export function dropContent(job: Job): void {
  job.spec = withoutContent(job.spec);
  job.promptLogprobs = [];
  job.output = [];
}
