// Computes with sets of characters, as sorted ranges of code points.

/** First and last code point of each range, both included. Ranges are in ascending order, and no range touches the next one. */
export type CharRanges = readonly (readonly [first: number, last: number])[];

/** All characters that a text can contain: all except NUL, which no model writes, and surrogates. */
const everything: CharRanges = [
  [0x01, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** The characters in these ranges, or, if `negated`, all other characters. The result never contains NUL and surrogates. */
export function charRanges(given: CharRanges, negated: boolean): CharRanges {
  const merged = merge(given);
  return intersect(everything, negated ? complement(merged) : merged);
}

export const anyChar: CharRanges = everything;

export function hasChar(ranges: CharRanges, char: number): boolean {
  return overlaps(ranges, char, char);
}

/** Whether the ranges contain any character from `first` to `last`. */
export function overlaps(ranges: CharRanges, first: number, last: number): boolean {
  let low = 0;
  let high = ranges.length;
  // Find the first range that does not end before `first`.
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.[1] ?? 0) < first) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low];
  return range !== undefined && range[0] <= last;
}

function merge(ranges: CharRanges): CharRanges {
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.filter(([from, to]) => from <= to).toSorted((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

function complement(ranges: CharRanges): CharRanges {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  gaps.push([next, 0x10ffff]);
  return gaps;
}

function intersect(as: CharRanges, bs: CharRanges): CharRanges {
  const common: [number, number][] = [];
  for (const [aFirst, aLast] of as) {
    for (const [bFirst, bLast] of bs) {
      const [first, last] = [Math.max(aFirst, bFirst), Math.min(aLast, bLast)];
      if (first <= last) common.push([first, last]);
    }
  }
  return common;
}
