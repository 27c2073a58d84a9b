// Detects an answer that repeats a block of tokens without end. The check takes a few hundred nanoseconds per token.
import type { Token } from "../port/steps.ts";

/** Longest block of tokens whose repetition is detected. */
const longestBlock = 128;
/** A repetition must have at least this many tokens in all, because short rows of dashes or empty lines are normal. */
const fewestTokens = 64;

export interface Repetition {
  /** Returns true when the last tokens are one block repeated `limit` times. */
  push(token: Token): boolean;
}

/** @param limit number of repetitions, at least 2 */
export function createRepetition(limit: number): Repetition {
  /** The last tokens, as a ring. */
  const recent = new Int32Array(longestBlock).fill(-1);
  /** For each block length, how many tokens in a row, up to the last, equal the token one block earlier. */
  const runs = new Int32Array(longestBlock + 1);
  let count = 0;
  return {
    push(token) {
      let repeats = false;
      for (let block = 1; block <= longestBlock; block += 1) {
        const before = recent[(count - block + longestBlock) % longestBlock];
        const run = before === token ? (runs[block] ?? 0) + 1 : 0;
        runs[block] = run;
        repeats ||= run > 0 && run + block >= Math.max(fewestTokens, limit * block);
      }
      recent[count % longestBlock] = token;
      count += 1;
      return repeats;
    },
  };
}
