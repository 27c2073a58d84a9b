// Owns texts as Python sees them: in code points, where JavaScript counts a character beyond U+FFFF as two.

import { charsPerStep } from "../limits.ts";

const surrogate = /[\ud800-\udfff]/;

/** What counting a text's characters costs, in steps. */
export function charactersCost(text: string): number {
  return surrogate.test(text) ? text.length : text.length / charsPerStep;
}

export function textLength(text: string): number {
  if (!surrogate.test(text)) return text.length;
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** The text as something whose indexes and length are code points. */
export function characters(text: string): string | readonly string[] {
  return surrogate.test(text) ? Array.from(text) : text;
}

/** By code points; JavaScript's own order differs beyond U+FFFF. */
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

/** In code points: where in the text a place in code units is. */
export function placeIn(text: string, unit: number): number {
  return unit <= 0 ? unit : textLength(text.slice(0, unit));
}
