// Filters candidates for infill: if the model is unsure, the text ends. The rules and numbers are those of llama.cpp's infill sampler.
import type { Token } from "@waggle/engine";
import type { SamplingContext } from "./sampling.ts";

export interface FillCandidate {
  readonly token: Token;
  /** The probabilities of all candidates add up to 1. */
  readonly probability: number;
}

/** The end of the text is chosen if its probability, times this weight and the number of candidates, exceeds the probability of all text. */
const endWeight = 3;
/** Candidates with a lower probability are removed. */
const leastProbability = 0.2;
/** Only this many candidates can support each other. */
const mostCompared = 64;

/**
 * A candidate whose text begins with another candidate's text supports that candidate: their probabilities are added.
 * @returns the candidates that are probable enough, in their order; only end tokens if these are likely; an empty list if the text should end
 */
export function sureCandidates<C extends FillCandidate>(
  candidates: readonly C[],
  { isEndOfGeneration: isEnd, tokenBytes }: Pick<SamplingContext, "isEndOfGeneration" | "tokenBytes">,
): readonly C[] {
  const ends = candidates.filter(({ token }) => isEnd(token));
  const endProbability = ends.reduce((sum, { probability }) => sum + probability, 0);
  if (endWeight * endProbability * candidates.length > 1 - endProbability) return ends;
  const sums = supported(candidates.slice(0, mostCompared), tokenBytes);
  const ofLeast = (all: readonly C[], least: number): readonly C[] =>
    all.filter(({ token }) => isEnd(token) || (sums.get(token) ?? 0) >= least);
  const sure = ofLeast(candidates, leastProbability);
  const count = sure.filter(({ token }) => !isEnd(token)).length;
  if (count === 0) return [];
  // Each remaining candidate must be at least as probable as in an equal distribution over these candidates and an end.
  const total = sure.reduce((sum, { token }) => sum + (sums.get(token) ?? 0), 0);
  return ofLeast(sure, total / (count + 1));
}

/** Returns probabilities by token. If one text begins with another, the more probable candidate gets the sum of both, and the other gets 0. */
function supported(
  candidates: readonly FillCandidate[],
  bytesOf: SamplingContext["tokenBytes"],
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
