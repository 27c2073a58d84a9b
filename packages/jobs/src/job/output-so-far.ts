// Keeps the output of a job so far: the tokens after which the next engine continues, vectors, and the logprobs of the prompt.
import type { JobEvent, PriorOutput, PriorWork, Token } from "@waggle/engine";
import type { Job } from "./job.ts";
import { withoutContent } from "./job-spec.ts";

/** The tokens of one choice, in the fields of PriorOutput. The list grows with each token event. */
export interface OutputSoFar {
  readonly ids: Token[];
  events: number;
}

/** Output that is not in the stream. */
export type ComputedEvent = Extract<JobEvent, { type: "embedding" | "prompt_logprobs" }>;

/** @param prior the output with which the new one begins */
export function newOutput(prior?: PriorOutput): OutputSoFar {
  return { ids: [...(prior?.ids ?? [])], events: prior?.events ?? 0 };
}

/** The part of one choice, or of the texts or readings, that earlier engines have computed. */
export function priorWorkOf({ output, vectors }: Pick<Job, "output" | "vectors">, choice: number): PriorWork {
  const soFar = newOutput(output[choice]);
  return { ...(soFar.events === 0 ? {} : { output: soFar }), computed: vectors.length };
}

/** Adds the tokens of one token event. @param output undefined for an ended job, whose output is dropped */
export function addTokens(output: OutputSoFar | undefined, ids: readonly Token[]): void {
  if (output === undefined) return;
  output.events += 1;
  for (const id of ids) output.ids.push(id);
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
