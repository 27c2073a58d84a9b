// Finds where the last tokens of a text occurred before, in a growing list of tokens.
import type { Token } from "../../port/steps.ts";

/** An earlier occurrence of the last tokens of a text. */
export interface Match {
  readonly source: SuffixIndex;
  /** Index in `source` of the token after the occurrence. */
  readonly position: number;
  /** Number of last tokens that are equal; a search counts at most `longestTail`. */
  readonly length: number;
}

export interface SuffixIndex {
  readonly length: number;
  /** The token at this index; undefined after the last one, and for a separator. */
  at(index: number): Token | undefined;
  add(tokens: readonly Token[]): void;
  /** Separates the tokens before from the tokens behind: no match reaches over a separator. */
  separate(): void;
  /** The last tokens, at most `longestTail`. */
  tail(): Token[];
  /** The latest place that follows the last tokens of `tail`: the last `longMatch` of them, otherwise the last `shortMatch`. */
  find(tail: readonly Token[]): Match | undefined;
}

export const longestTail = 32;
/** Places are found by two numbers of tokens, because the latest place by few tokens alone may be a worse one. */
export const longMatch = 12;
const shortMatch = 3;

const separator = -1;
const leastCapacity = 256;

/** @param expected number of tokens to make room for */
export function createSuffixIndex(expected = 0): SuffixIndex {
  let tokens = new Int32Array(0);
  let length = 0;
  let long = new Int32Array(0);
  let short = new Int32Array(0);
  grow(expected);

  /** Enlarges the tables. Each is a hash table of places with open addressing, of which at most half is full; 0 is free, since no match ends there. */
  function grow(least: number): void {
    let capacity = leastCapacity;
    while (capacity < least) capacity *= 2;
    const old = tokens;
    tokens = new Int32Array(capacity);
    tokens.set(old);
    long = new Int32Array(2 * capacity);
    short = new Int32Array(2 * capacity);
    for (let place = 1; place < length; place += 1) notePlace(place);
  }

  function append(token: number): void {
    if (length === tokens.length) grow(2 * length);
    tokens[length] = token;
    // A place is noted when its token is known, so that the end of the text never finds itself.
    notePlace(length);
    length += 1;
  }

  function notePlace(place: number): void {
    if (place >= shortMatch) short[cellOf(short, shortMatch, tokens, place)] = place;
    if (place >= longMatch) long[cellOf(long, longMatch, tokens, place)] = place;
  }

  /** Returns the cell of the `size` tokens that end before `end`, or the free cell where their place belongs. */
  function cellOf(table: Int32Array, size: number, text: ArrayLike<number>, end: number): number {
    const mask = table.length - 1;
    for (let cell = hashOf(size, text, end) & mask; ; cell = (cell + 1) & mask) {
      const place = table[cell] ?? 0;
      if (place === 0) return cell;
      let equal = 1;
      while (equal <= size && tokens[place - equal] === text[end - equal]) equal += 1;
      if (equal > size) return cell;
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
    add(more) {
      if (length + more.length > tokens.length) grow(length + more.length);
      for (const token of more) append(token);
    },
    separate() {
      if (length > 0) append(separator);
    },
    tail: () => [...tokens.subarray(Math.max(0, length - longestTail), length)],
    find(tail) {
      const end = tail.length;
      let position = 0;
      if (end >= longMatch) position = long[cellOf(long, longMatch, tail, end)] ?? 0;
      if (position === 0 && end >= shortMatch) position = short[cellOf(short, shortMatch, tail, end)] ?? 0;
      if (position === 0) return undefined;
      const most = Math.min(position, end);
      let equal = 0;
      while (equal < most && tokens[position - 1 - equal] === tail[end - 1 - equal]) equal += 1;
      return { source: index, position, length: equal };
    },
  };
  return index;
}

function hashOf(size: number, text: ArrayLike<number>, end: number): number {
  let hash = 0;
  for (let i = end - size; i < end; i += 1) {
    hash = Math.imul(hash ^ (text[i] ?? 0), 0x9e_37_79_b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
