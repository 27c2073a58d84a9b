// Owns noticing an answer that repeats itself without end, over tokens. A few hundred nanoseconds for each.
import type { Token } from "./backend.ts";

/** Longest block of tokens whose repetition is noticed. */
const longestBlock = 128;
/** What repeats itself has so many tokens in all, at least: rows of dashes and empty lines are no runaway answer. */
const fewestTokens = 64;

export interface Repetition {
  /** True once the last tokens are one block, `limit` times over. */
  push(token: Token): boolean;
}

/** @param limit times over, at least 2 */
export function createRepetition(limit: number): Repetition {
  /** The last tokens, by their number modulo the length. */
  const recent = new Int32Array(longestBlock).fill(-1);
  /** By length of a block: for how many tokens up to now each has been the one a block before. */
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
