// Decides how short a piece of a prompt may be, by what the whole step costs for each of its prompt tokens. Pure.
import { tileTokens } from "./step-shape.ts";

/** From here on, lengths double again. */
const manyTokens = 512;

/** The lengths that are compared: powers of two, between a tile and 512 all whole tiles, and the most. */
export function pieceLengths(most: number): readonly number[] {
  const lengths: number[] = [];
  for (let tokens = 1; tokens < most; tokens += tokens < tileTokens || tokens >= manyTokens ? tokens : tileTokens) {
    lengths.push(tokens);
  }
  return [...lengths, most];
}

/**
 * Returns, for a length, how many times longer each token takes than in the cheapest step.
 * @param stepMs milliseconds of the step with a piece of this length, its decoding rows included
 */
export function slowdownOf(lengths: readonly number[], stepMs: (tokens: number) => number): (tokens: number) => number {
  const leastMs = Math.min(...lengths.map((tokens) => stepMs(tokens) / tokens));
  return (tokens) => (leastMs > 0 ? stepMs(tokens) / tokens / leastMs : 1);
}

/** Returns the shortest of the lengths that is at most this many times slower than the cheapest. */
export function shortestPiece(
  lengths: readonly number[],
  slowdown: (tokens: number) => number,
  mostSlowdown: number,
): number {
  return lengths.find((tokens) => slowdown(tokens) <= mostSlowdown) ?? lengths.at(-1) ?? 1;
}
