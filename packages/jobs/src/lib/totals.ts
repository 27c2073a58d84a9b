// Owns what a job of several parts counts as a whole. Pure.
import type { Job, JobCounts } from "./job.ts";

/** The parts' counts together; what the stream itself has counted where the engine died before it told. */
export function totalsOf(job: Job): JobCounts {
  const counts = job.parts.flatMap((part) => (part.counts === undefined ? [] : [part.counts]));
  const [first] = counts;
  if (first === undefined || counts.length < job.parts.length) return job.counts;
  return {
    promptTokens: first.promptTokens,
    cachedTokens: first.cachedTokens,
    completionTokens: counts.reduce((sum, part) => sum + part.completionTokens, 0),
    prefillMs: first.prefillMs,
    decodeMs: Math.max(...counts.map((part) => part.decodeMs)),
  };
}
