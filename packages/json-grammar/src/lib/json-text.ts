// Owns how JSON spells strings and fixed values, as grammar expressions: compact, as JSON.stringify writes them.
import {
  anyChar,
  charSet,
  charsOf,
  hasChar,
  intersectSets,
  sameSet,
  setKey,
  subtractSet,
  type CharSet,
} from "./char-set.ts";
import { charClass, choice, literal, oneOf, optional, sequence, type Expression } from "./expression.ts";
import type { Grammar } from "./grammar.ts";

const controls: CharSet = [[0, 0x1f]];
/** Characters that have to be escaped, and the letter that stands for them. */
const shortEscapes: readonly (readonly [char: string, letter: string])[] = [
  ['"', '"'],
  ["\\", "\\"],
  ["\b", "b"],
  ["\f", "f"],
  ["\n", "n"],
  ["\r", "r"],
  ["\t", "t"],
];
const shortEscaped = charsOf(shortEscapes.map(([char]) => char).join(""));
const rawChars = subtractSet(anyChar, charSet([...controls, ...shortEscaped]));

const hexDigit = oneOf("09", "AF", "af");
const quote = literal('"');

/** One optional blank, after a colon or a comma: enough for the habits of a model, and too little to get lost in. */
export function blank(grammar: Grammar): Expression {
  return grammar.shared("blank", "sp", () => optional(literal(" ")));
}

export function comma(grammar: Grammar): Expression {
  return sequence(literal(","), blank(grammar));
}

export function quoted(content: Expression): Expression {
  return sequence(quote, content, quote);
}

/** As JSON.stringify writes it, but for characters that no set holds: those are escaped. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\uFDD0-\uFDEF]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
}

/** `"name":` and the blank that may follow. */
export function memberName(grammar: Grammar, name: string): Expression {
  return sequence(literal(`${jsonText(name)}:`), blank(grammar));
}

/**
 * One character of the set, within a string. Where the set is all there is, in every spelling; else in the one that JSON.stringify
 * writes, so that no character has a spelling that belongs to two sets.
 */
export function stringChar(grammar: Grammar, set: CharSet): Expression {
  if (sameSet(set, anyChar) && grammar.escapes === "any") return grammar.shared("char", "char", anyStringChar);
  const [only] = set;
  if (set.length === 1 && only !== undefined && only[0] === only[1]) {
    return literal(JSON.stringify(String.fromCodePoint(only[0])).slice(1, -1));
  }
  const escaped = subtractSet(set, rawChars);
  if (escaped.length === 0) return charClass(set);
  return grammar.shared(`chars ${setKey(set)}`, "chars", () =>
    choice(charClass(intersectSets(set, rawChars)), shortForms(escaped), ...longForms(escaped)),
  );
}

function shortForms(escaped: CharSet): Expression {
  const letters = shortEscapes.filter(([char]) => hasChar(escaped, char.charCodeAt(0))).map(([, letter]) => letter);
  return sequence(literal("\\"), charClass(charsOf(letters.join(""))));
}

function longForms(escaped: CharSet): readonly Expression[] {
  const long = subtractSet(escaped, shortEscaped);
  return [0, 1].map((high) => {
    const digits = Array.from({ length: 16 }, (_, low) => low).filter((low) => hasChar(long, high * 16 + low));
    const lastDigit = charClass(charsOf(digits.map((digit) => digit.toString(16)).join("")));
    return sequence(literal(`\\u00${high}`), lastDigit);
  });
}

/** Half a surrogate pair is no character, so \uD800 stands with its other half or not at all. */
function anyStringChar(): Expression {
  const highSurrogate = sequence(oneOf("D", "d"), oneOf("8", "9", "AB", "ab"), hexDigit, hexDigit);
  const lowSurrogate = sequence(oneOf("D", "d"), oneOf("CF", "cf"), hexDigit, hexDigit);
  const unit = choice(
    sequence(oneOf("09", "AC", "EF", "ac", "ef"), hexDigit, hexDigit, hexDigit),
    sequence(oneOf("D", "d"), oneOf("07"), hexDigit, hexDigit),
    sequence(highSurrogate, literal("\\u"), lowSurrogate),
  );
  const letters = charClass(charsOf('"\\/bfnrt'));
  return choice(charClass(rawChars), sequence(literal("\\"), choice(letters, sequence(literal("u"), unit))));
}
