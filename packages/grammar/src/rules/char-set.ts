// Defines sets of Unicode characters. No set contains surrogates, which are not characters, or the noncharacters U+FDD0 to U+FDEF, which represent
// control tokens when a grammar is matched.

/** First and last code point, both included. */
export type CharRange = readonly [first: number, last: number];

/** Ranges in ascending order, with gaps between them. */
export type CharSet = readonly CharRange[];

export const anyChar: CharSet = [
  [0x0, 0xd7ff],
  [0xe000, 0xfdcf],
  [0xfdf0, 0x10ffff],
];

export const noChar: CharSet = [];

/** The set of these ranges, without surrogates and noncharacters. The ranges may overlap and have any order. */
export function charSet(ranges: readonly CharRange[]): CharSet {
  return intersectSets(mergeRanges(ranges), anyChar);
}

export function charsOf(text: string): CharSet {
  return charSet([...text].map((char) => [codePoint(char), codePoint(char)]));
}

export function codePoint(char: string): number {
  return char.codePointAt(0) ?? 0;
}

export function uniteSets(...sets: readonly CharSet[]): CharSet {
  return mergeRanges(sets.flat());
}

export function intersectSets(a: CharSet, b: CharSet): CharSet {
  const common: CharRange[] = [];
  let i = 0;
  let j = 0;
  for (let x = a[i], y = b[j]; x !== undefined && y !== undefined; x = a[i], y = b[j]) {
    const first = Math.max(x[0], y[0]);
    const last = Math.min(x[1], y[1]);
    if (first <= last) common.push([first, last]);
    if (x[1] < y[1]) i += 1;
    else j += 1;
  }
  return common;
}

export function subtractSet(from: CharSet, what: CharSet): CharSet {
  const gaps: CharRange[] = [];
  let next = 0;
  for (const [first, last] of what) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= 0x10ffff) gaps.push([next, 0x10ffff]);
  return intersectSets(from, gaps);
}

export function complementSet(set: CharSet): CharSet {
  return subtractSet(anyChar, set);
}

export function hasChar(set: CharSet, char: number): boolean {
  let low = 0;
  let high = set.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last] = set[middle] ?? [0, 0];
    if (char < first) high = middle - 1;
    else if (char > last) low = middle + 1;
    else return true;
  }
  return false;
}

export function sameSet(a: CharSet, b: CharSet): boolean {
  return a.length === b.length && setKey(a) === setKey(b);
}

/** A key; two sets have the same key if and only if they are equal. */
export function setKey(set: CharSet): string {
  return set.map(([first, last]) => `${first.toString(36)}-${last.toString(36)}`).join(",");
}

function mergeRanges(ranges: readonly CharRange[]): CharSet {
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const open = merged.at(-1);
    if (open !== undefined && first <= open[1] + 1) open[1] = Math.max(open[1], last);
    else merged.push([first, last]);
  }
  return merged;
}
