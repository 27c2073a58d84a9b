// Defines the sets of characters that a grammar in GBNF can contain: unlike those of the compiler, they contain noncharacters.
import { intersectSets, subtractSet, uniteSets, type CharSet } from "../rules/char-set.ts";

/** All characters that a text can contain: all except NUL, which no model writes, and surrogates. */
export const allChars: CharSet = [
  [0x01, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** The characters in these ranges, or, if `negated`, all other characters. The result never contains NUL and surrogates. */
export function charRanges(given: CharSet, negated: boolean): CharSet {
  const merged = uniteSets(given.filter(([first, last]) => first <= last));
  return negated ? subtractSet(allChars, merged) : intersectSets(allChars, merged);
}

/** Whether the ranges contain any character from `first` to `last`. */
export function overlaps(ranges: CharSet, first: number, last: number): boolean {
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
