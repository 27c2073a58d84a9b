// Owns the filter for the text of a hole: it would rather end than guess. The rule and its numbers are those of llama.cpp's infill sampler.
import type { Token } from "@waggle/engine";

export interface FillCandidate {
  readonly token: Token;
  /** Of all candidates together 1. */
  readonly probability: number;
}

export interface FillVocabulary {
  readonly isEnd: (token: Token) => boolean;
  readonly bytesOf: (token: Token) => Uint8Array;
}

/** An end counts so many times for each candidate, however unlikely it is. */
const endWeight = 3;
/** Less sure than that is a guess. */
const leastProbability = 0.2;
/** Those below are less sure than this even together. */
const mostCompared = 64;

/**
 * Those that are sure enough, the most probable first as they came; ends alone where those are likely, and none where nothing is sure: then it is
 * to end. What begins with another one's text speaks for that one.
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
  // Of those that are left each is to be as sure as if they and an end shared it all equally.
  const total = sure.reduce((sum, { token }) => sum + (sums.get(token) ?? 0), 0);
  return ofLeast(sure, total / (count + 1));
}

/** The probability of each, with that of the others whose text begins with its own or it with theirs; those have none then. */
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
