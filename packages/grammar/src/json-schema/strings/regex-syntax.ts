// Owns the types for the syntax of a regular expression, before anchors and lookaheads are resolved.
import { charSet, complementSet, type CharSet } from "../../rules/char-set.ts";

export type RegexSyntax =
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "concat"; readonly items: readonly RegexSyntax[] }
  | { readonly kind: "alternation"; readonly options: readonly RegexSyntax[] }
  | { readonly kind: "repeat"; readonly item: RegexSyntax; readonly min: number; readonly max: number }
  | { readonly kind: "start" }
  | { readonly kind: "end" }
  | { readonly kind: "lookahead"; readonly item: RegexSyntax; readonly negative: boolean };

const digits: CharSet = [[0x30, 0x39]];
const wordChars = charSet([
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]);
const spaces = charSet([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]);

/** The characters that a dot matches: all except ECMAScript's line breaks. */
export const dot = complementSet([
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]);

/** The sets of escapes such as `\d`, by letter. */
export const classEscapes: ReadonlyMap<string, CharSet> = new Map([
  ["d", digits],
  ["D", complementSet(digits)],
  ["w", wordChars],
  ["W", complementSet(wordChars)],
  ["s", spaces],
  ["S", complementSet(spaces)],
]);

/** The characters of escapes such as `\n`, by letter. */
export const charEscapes: ReadonlyMap<string, number> = new Map([
  ["0", 0x00],
  ["t", 0x09],
  ["n", 0x0a],
  ["v", 0x0b],
  ["f", 0x0c],
  ["r", 0x0d],
]);
