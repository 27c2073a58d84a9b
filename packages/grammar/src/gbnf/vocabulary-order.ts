// Keeps the vocabulary sorted by bytes, so that all tokens with the same first bytes are found without checking other tokens.
import { setImmediate as nextTurn } from "node:timers/promises";

/** The number of a token in the vocabulary. */
export type Token = number;

export interface VocabularyOrder {
  /**
   * The tokens whose bytes are all allowed from `start`, in the order of their bytes, at most `limit` tokens.
   * @param advance returns the position after a byte, or undefined if the byte is not allowed
   */
  reachable<T>(start: T, advance: (position: T, byte: number) => T | undefined, limit: number): Token[];
}

/** Number of tokens that are checked or sorted in one turn of the event loop. */
export const tokensPerTurn = 8_192;

/** Sorts the vocabulary in several turns of the event loop, since a large vocabulary takes about 100 ms. */
export async function createVocabularyOrder(
  size: number,
  bytesOf: (token: Token) => Uint8Array,
): Promise<VocabularyOrder> {
  const buckets = new Map<number, Token[]>();
  for (let token = 0; token < size; token++) {
    if (token % tokensPerTurn === tokensPerTurn - 1) await nextTurn();
    const [first, second = -1] = bytesOf(token);
    if (first === undefined) continue;
    const key = first * 257 + second + 1;
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, [token]);
    else bucket.push(token);
  }
  const tokens: Token[] = [];
  let sorted = 0;
  for (const [, bucket] of [...buckets].toSorted(([a], [b]) => a - b)) {
    for (const token of bucket.sort((a, b) => compareBytes(bytesOf(a), bytesOf(b)))) tokens.push(token);
    sorted += bucket.length;
    if (sorted < tokensPerTurn) continue;
    sorted = 0;
    await nextTurn();
  }

  /** Of the indexes from `from` on, the first index of a token without `byte` at this depth; `end` if there is no such token before `end`. */
  function endOfByte(from: number, end: number, depth: number, byte: number): number {
    let [low, high] = [from, end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((bytesOf(tokens[middle] ?? 0)[depth] ?? -1) <= byte) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    reachable<T>(start: T, advance: (position: T, byte: number) => T | undefined, limit: number): Token[] {
      const found: Token[] = [];
      /** Visits the tokens from `from` to `end`, which share their first `depth` bytes; these bytes lead to `position`. */
      const walk = (from: number, end: number, depth: number, position: T): void => {
        let at = from;
        while (at < end && found.length < limit) {
          const token = tokens[at] ?? 0;
          const byte = bytesOf(token)[depth];
          if (byte === undefined) {
            found.push(token);
            at++;
            continue;
          }
          const groupEnd = endOfByte(at, end, depth, byte);
          const next = advance(position, byte);
          if (next !== undefined) walk(at, groupEnd, depth + 1, next);
          at = groupEnd;
        }
      };
      walk(0, tokens.length, 0, start);
      return found;
    },
  };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
