// Finds where the last tokens of a text occurred before, in a growing list of tokens.
import type { Token } from "../port/backend.ts";

/** An earlier occurrence of the last tokens of a text. */
export interface Match {
  readonly source: SuffixIndex;
  /** Index in `source` of the token behind the occurrence. */
  readonly position: number;
  /** Number of last tokens that are equal, at most `longestTail`. */
  readonly length: number;
}

export interface SuffixIndex {
  readonly length: number;
  /** The token at this index; undefined behind the last one, and for a separator. */
  at(index: number): Token | undefined;
  add(token: Token): void;
  /** Separates the tokens before from the tokens behind: no match reaches over a separator. */
  separate(): void;
  /** The last tokens, at most `longestTail`. */
  tail(): Token[];
  /** The latest place that follows the last tokens of `tail`: at least `shortestMatch` of them, if possible more. */
  find(tail: readonly Token[]): Match | undefined;
}

export const longestTail = 32;
/** Numbers of tokens by which places are found, the larger one first: the latest place alone may agree in few tokens only. */
const sizes = [12, 3] as const;
export const shortestMatch = 3;
export const longMatch = 12;

const separator = -1;
const base = 0x01_00_01_93;
const leastCapacity = 256;

/** @param expected number of tokens to make room for */
export function createSuffixIndex(expected = 0): SuffixIndex {
  let capacity = leastCapacity;
  while (capacity < expected) capacity *= 2;
  let tokens = new Int32Array(capacity);
  let length = 0;
  let places = sizes.map((size) => createPlaces(size, capacity));

  function append(token: number): void {
    if (length === capacity) grow();
    for (const each of places) each.add(tokens, length);
    tokens[length] = token;
    length += 1;
    for (const each of places) each.roll(tokens, length);
  }

  function grow(): void {
    const old = tokens;
    capacity *= 2;
    tokens = new Int32Array(capacity);
    tokens.set(old);
    places = sizes.map((size) => createPlaces(size, capacity));
    for (const each of places) {
      for (let end = 1; end <= length; end += 1) {
        each.roll(tokens, end);
        // The place behind the last token gets its continuation with the next token.
        if (end < length) each.add(tokens, end);
      }
    }
  }

  const index: SuffixIndex = {
    get length() {
      return length;
    },
    at(position) {
      const token = position < length ? tokens[position] : undefined;
      return token === separator ? undefined : token;
    },
    add: append,
    separate() {
      if (length > 0) append(separator);
    },
    tail: () => [...tokens.subarray(Math.max(0, length - longestTail), length)],
    find(tail) {
      for (const each of places) {
        const position = each.find(tokens, tail);
        if (position !== 0) return { source: index, position, length: commonEnd(tokens, position, tail) };
      }
      return undefined;
    },
  };
  return index;
}

function commonEnd(tokens: Int32Array, end: number, tail: readonly Token[]): number {
  const most = Math.min(end, tail.length, longestTail);
  let length = 0;
  while (length < most && tokens[end - 1 - length] === tail[tail.length - 1 - length]) length += 1;
  return length;
}

/** The latest place behind each run of `size` tokens. */
interface Places {
  /** Takes the last one of the first `end` tokens into the hash of the last run. Must be called for each token in turn. */
  roll(tokens: Int32Array, end: number): void;
  /** Notes that the run which was rolled in last ends before the place `end`. */
  add(tokens: Int32Array, end: number): void;
  /** @returns 0 if the last tokens of `tail` did not occur */
  find(tokens: Int32Array, tail: readonly Token[]): number;
}

/** @param capacity most places, a power of two */
function createPlaces(size: number, capacity: number): Places {
  /** A hash table of places with open addressing; 0 is free, since no run ends there. At most half of it is full. */
  const table = new Int32Array(2 * capacity);
  const mask = table.length - 1;
  let outgoing = 1;
  for (let i = 0; i < size; i += 1) outgoing = Math.imul(outgoing, base);
  let hash = 0;

  function cellOf(of: number): number {
    const mixed = Math.imul(of ^ (of >>> 16), 0x85_eb_ca_6b);
    return (mixed ^ (mixed >>> 13)) & mask;
  }

  return {
    roll(tokens, end) {
      const last = tokens[end - 1] ?? 0;
      const gone = end > size ? (tokens[end - 1 - size] ?? 0) : 0;
      hash = (Math.imul(hash, base) + last - Math.imul(gone, outgoing)) | 0;
    },
    add(tokens, end) {
      if (end < size) return;
      let cell = cellOf(hash);
      for (let place = table[cell] ?? 0; place !== 0; place = table[cell] ?? 0) {
        let equal = 1;
        while (equal <= size && tokens[place - equal] === tokens[end - equal]) equal += 1;
        if (equal > size) break;
        cell = (cell + 1) & mask;
      }
      table[cell] = end;
    },
    find(tokens, tail) {
      if (tail.length < size) return 0;
      let of = 0;
      for (let i = tail.length - size; i < tail.length; i += 1) of = (Math.imul(of, base) + (tail[i] ?? 0)) | 0;
      let cell = cellOf(of);
      for (let place = table[cell] ?? 0; place !== 0; place = table[cell] ?? 0) {
        let equal = 1;
        while (equal <= size && tokens[place - equal] === tail[tail.length - equal]) equal += 1;
        if (equal > size) return place;
        cell = (cell + 1) & mask;
      }
      return 0;
    },
  };
}
