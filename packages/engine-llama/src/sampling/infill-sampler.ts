// Owns the filter for the text of a hole: where the model is unsure, the text ends. The rule and its numbers are those of llama.cpp's infill sampler.
import type { Token } from "@waggle/engine";

export interface FillCandidate {
  readonly token: Token;
  /** The sum over all candidates is 1. */
  readonly probability: number;
}

export interface FillVocabulary {
  readonly isEnd: (token: Token) => boolean;
  readonly bytesOf: (token: Token) => Uint8Array;
}

/** Weight of the end for each candidate, even an unlikely one. */
const endWeight = 3;
/** A candidate with a lower probability counts as a guess. */
const leastProbability = 0.2;
/** Candidates beyond this number are a guess even together. */
const mostCompared = 64;

/**
 * The candidates that are sure enough, in their order; only ends where those are likely; an empty list where no candidate is sure, so the text ends.
 * A candidate whose text begins with another one's counts for that one.
 */
export function sureCandidates<C extends FillCandidate>(
  candidates: readonly C[],
  { isEnd, bytesOf }: FillVocabulary,
): readonly C[] {
  const ends = candidates.filter(({ token }) => isEnd(token));
  const endProbability = ends.reduce((sum, { probability }) => sum + probability, 0);
  if (endWeight * endProbability * candidates.length > 1 - endProbability) return ends;
  const sums = supported(candidates.slice(0, mostCompared), bytesOf);
  const ofLeast = (all: readonly C[], least: number): readonly C[] =>
    all.filter(({ token }) => isEnd(token) || (sums.get(token) ?? 0) >= least);
  const sure = ofLeast(candidates, leastProbability);
  const count = sure.filter(({ token }) => !isEnd(token)).length;
  if (count === 0) return [];
  // Each of the rest must be at least as probable as in an equal distribution over them and an end.
  const total = sure.reduce((sum, { token }) => sum + (sums.get(token) ?? 0), 0);
  return ofLeast(sure, total / (count + 1));
}

/** The probability of each candidate. Where one text begins with another, one candidate gets the sum and the others 0. */
function supported(
  candidates: readonly FillCandidate[],
  bytesOf: FillVocabulary["bytesOf"],
): ReadonlyMap<Token, number> {
  const sums = new Map(candidates.map(({ token, probability }) => [token, probability]));
  for (const { token: short } of candidates) {
    for (const { token: long } of candidates) {
      const [own, other] = [sums.get(short) ?? 0, sums.get(long) ?? 0];
      if (own === 0) break;
      if (short === long || other === 0 || !isPrefix(bytesOf(short), bytesOf(long))) continue;
      const [kept, gone] = other > own ? [long, short] : [short, long];
      sums.set(kept, own + other);
      sums.set(gone, 0);
    }
  }
  return sums;
}

function isPrefix(short: Uint8Array, long: Uint8Array): boolean {
  return short.length > 0 && short.length <= long.length && short.every((byte, at) => byte === long[at]);
}
