// Counts and compares texts by code points, as Python does: JavaScript counts a character beyond U+FFFF as two. Also converts the case of letters.
import { charsPerStep } from "../limits.ts";

const surrogate = /[\ud800-\udfff]/;
const wordPattern = /\p{L}[\p{L}\p{M}]*/gu;

/** Steps for counting the characters of a text. */
export function charactersCost(text: string): number {
  return surrogate.test(text) ? text.length : text.length / charsPerStep;
}

export function textLength(text: string): number {
  if (!surrogate.test(text)) return text.length;
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** The text in a form whose indexes and length count code points. */
export function characters(text: string): string | readonly string[] {
  return surrogate.test(text) ? Array.from(text) : text;
}

/** Compares texts by code points; JavaScript's order differs for characters beyond U+FFFF. */
export function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  if (!surrogate.test(left) && !surrogate.test(right)) return left < right ? -1 : 1;
  const [a, b] = [Array.from(left), Array.from(right)];
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const difference = (a[i]?.codePointAt(0) ?? 0) - (b[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Converts a position in UTF-16 units to a position in code points. */
export function placeIn(text: string, unit: number): number {
  return unit <= 0 ? unit : textLength(text.slice(0, unit));
}

export function capitalize(text: string): string {
  const [first = ""] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

export function titleCase(text: string): string {
  return text.replace(wordPattern, capitalize);
}

export function swapCase(text: string): string {
  return Array.from(text, (char) => (char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase())).join("");
}

export function isCased(text: string): boolean {
  return text.toLowerCase() !== text.toUpperCase();
}
