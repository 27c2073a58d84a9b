// Owns the filters that leave the probable candidates, such as top-k, and their order. Each computes in single precision, as llama.cpp does.
import type { Token } from "@waggle/engine";
import type { SamplingNumbers } from "./sampling-numbers.ts";

export interface Candidate {
  readonly token: Token;
  readonly logit: number;
}

/** @param all the most probable candidate first @param settings in single precision @returns at least one candidate */
type Filter = (all: readonly Candidate[], settings: SamplingNumbers) => readonly Candidate[];

/** In llama.cpp's order. */
const filters: readonly Filter[] = [topK, topP, minP];

export const filterCandidates: Filter = (all, settings) =>
  filters.reduce((rest, filter) => filter(rest, settings), all);

/** Number of the most probable candidates that the filters need. */
export function candidateLimit({ top_k: count }: SamplingNumbers): number {
  return count === 0 ? Infinity : count;
}

const { fround } = Math;

function topK(all: readonly Candidate[], { top_k: count }: SamplingNumbers): readonly Candidate[] {
  return count === 0 ? all : all.slice(0, count);
}

/** The most probable candidates that together have this probability, at least one. */
function topP(all: readonly Candidate[], { top_p: mass }: SamplingNumbers): readonly Candidate[] {
  if (mass >= 1) return all;
  let sum = 0;
  const last = probabilitiesOf(all).findIndex((probability) => (sum = fround(sum + probability)) >= mass);
  return last === -1 ? all : all.slice(0, last + 1);
}

/** Candidates whose probability is at least this part of the first candidate's probability. */
function minP(all: readonly Candidate[], { min_p: part }: SamplingNumbers): readonly Candidate[] {
  if (part <= 0) return all;
  const least = fround((all[0]?.logit ?? 0) + fround(Math.log(part)));
  const end = all.findIndex(({ logit }, i) => i > 0 && logit < least);
  return end === -1 ? all : all.slice(0, end);
}

/** The candidates' probabilities, up to a common factor. */
export function weightsOf(all: readonly Candidate[]): number[] {
  const greatest = all[0]?.logit ?? 0;
  return all.map(({ logit }) => fround(Math.exp(fround(logit - greatest))));
}

export function probabilitiesOf(all: readonly Candidate[]): number[] {
  const weights = weightsOf(all);
  const total = weights.reduce((sum, weight) => fround(sum + weight), 0);
  return weights.map((weight) => fround(weight / total));
}
