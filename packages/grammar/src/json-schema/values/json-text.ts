// Writes strings, member names and fixed values in the given notation, without blanks, as JSON.stringify does.
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
} from "../../rules/char-set.ts";
import { charClass, choice, literal, oneOf, optional, sequence, type Expression } from "../../rules/expression.ts";
import type { Grammar } from "../../rules/grammar.ts";
import type { CharSpelling } from "../../rules/language-rules.ts";
import type { Notation, StringQuote } from "../../rules/notation.ts";

const controls: CharSet = [[0, 0x1f]];
/** Characters that need an escape, each with the letter of the escape. The quote is not in this list. */
const shortEscapes: readonly (readonly [char: string, letter: string])[] = [
  ["\\", "\\"],
  ["\b", "b"],
  ["\f", "f"],
  ["\n", "n"],
  ["\r", "r"],
  ["\t", "t"],
];
const shortEscaped = charsOf(shortEscapes.map(([char]) => char).join(""));

/** Characters that need no escape between quotes of this kind. */
function rawChars({ text }: StringQuote): CharSet {
  return subtractSet(anyChar, charSet([...controls, ...shortEscaped, ...charsOf(text)]));
}

const hexDigit = oneOf("09", "AF", "af");

/** One optional space after a colon or a comma, which models usually write. More spaces are not allowed, since a model might never stop. */
export function blank(grammar: Grammar): Expression {
  return grammar.shared("blank", "sp", () => optional(literal(" ")));
}

export function comma(grammar: Grammar): Expression {
  return sequence(literal(","), blank(grammar));
}

export function quoted(content: Expression, { text }: StringQuote): Expression {
  return sequence(literal(text), content, literal(text));
}

/** A text as JSON.stringify writes it between quotes; characters that no CharSet can contain are escaped as well. */
function escapedText(text: string, quote: StringQuote): string {
  const json = JSON.stringify(text).slice(1, -1);
  const own =
    quote.text === '"' ? json : json.replaceAll(/\\.|'/g, (found) => ({ '\\"': '"', "'": "\\'" })[found] ?? found);
  return own.replaceAll(/[\uFDD0-\uFDEF]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
}

/** Whether a search for the marker finds the marker right after the text. */
export function endsAtMarker(text: string, until: string): boolean {
  return (text + until).indexOf(until) === text.length && !/[\uFDD0-\uFDEF]/.test(text);
}

/** The spellings of a string, the notation's preferred spelling first; empty if the notation cannot express the string. */
function stringTexts(text: string, { quotes }: Notation): readonly string[] {
  return quotes.flatMap((quote) => {
    if (quote.escapes !== undefined) return [quote.text + escapedText(text, quote) + quote.text];
    return endsAtMarker(text, quote.text) ? [quote.text + text + quote.text] : [];
  });
}

/** The texts of a fixed value, the notation's preferred text first. */
export function valueTexts(value: unknown, notation: Notation): readonly string[] {
  if (typeof value === "string") return stringTexts(value, notation);
  if (typeof value === "boolean" || value === null) return notation.words[String(value) as keyof Notation["words"]];
  if (typeof value !== "object") return [JSON.stringify(value)];
  const inner = (one: unknown): string | undefined => valueTexts(one, notation)[0];
  const items = Array.isArray(value)
    ? value.map(inner)
    : Object.entries(value).map(([name, one]) => {
        const [key, text] = [nameTexts(name, notation)[0], inner(one)];
        return key === undefined || text === undefined ? undefined : `${key}:${text}`;
      });
  if (items.includes(undefined)) return [];
  return [Array.isArray(value) ? `[${items.join(",")}]` : `{${items.join(",")}}`];
}

/** The characters that a name without quotes may contain. */
export const bareNameChars = subtractSet(anyChar, charSet([[0, 0x20], ...charsOf("\u00a0\"'`\\<>()[]{}:,=|")]));

function nameTexts(name: string, notation: Notation): readonly string[] {
  const isBare =
    notation.bareNames &&
    name !== "" &&
    Array.from(name, (char) => char.codePointAt(0) ?? 0).every((code) => hasChar(bareNameChars, code));
  return isBare ? [name] : stringTexts(name, notation);
}

/** Writes the name of a member: `"name":` and an optional space. */
export function memberName(grammar: Grammar, name: string): Expression {
  const names = nameTexts(name, grammar.notation).map((text) => literal(`${text}:`));
  return sequence(choice(...names), blank(grammar));
}

/**
 * Writes names with each kind of quotes of the notation, or without quotes if the notation has bare names.
 * @param spelled writes the names with the given spelling of their characters
 */
export function spelledNames({ notation }: Grammar, spelled: (spell: CharSpelling) => Expression): Expression {
  if (notation.bareNames) return spelled((_, set) => charClass(intersectSets(set, bareNameChars)));
  return choice(
    ...notation.quotes.flatMap((quote) =>
      quote.escapes === undefined
        ? []
        : [
            quoted(
              spelled((grammar, set) => stringChar(grammar, set, quote)),
              quote,
            ),
          ],
    ),
  );
}

/**
 * One character of the set, within a string. A set of all characters allows every spelling. A smaller set allows only the spelling of
 * JSON.stringify, so that each spelling belongs to one set.
 */
export function stringChar(grammar: Grammar, set: CharSet, quote: StringQuote): Expression {
  if (sameSet(set, anyChar)) return grammar.shared(`char ${quote.text}`, "char", () => anyStringChar(quote));
  const [only] = set;
  if (set.length === 1 && only !== undefined && only[0] === only[1]) {
    return literal(escapedText(String.fromCodePoint(only[0]), quote));
  }
  const raw = rawChars(quote);
  const escaped = subtractSet(set, raw);
  if (escaped.length === 0) return charClass(set);
  return grammar.shared(`chars ${quote.text} ${setKey(set)}`, "chars", () =>
    choice(charClass(intersectSets(set, raw)), shortForms(escaped, quote), ...longForms(escaped, quote)),
  );
}

function shortForms(escaped: CharSet, { text }: StringQuote): Expression {
  const letters = [[text, text] as const, ...shortEscapes]
    .filter(([char]) => hasChar(escaped, char.charCodeAt(0)))
    .map(([, letter]) => letter);
  return sequence(literal("\\"), charClass(charsOf(letters.join(""))));
}

function longForms(escaped: CharSet, { text }: StringQuote): readonly Expression[] {
  const long = subtractSet(escaped, charSet([...shortEscaped, ...charsOf(text)]));
  return [0, 1].map((high) => {
    const digits = Array.from({ length: 16 }, (_, low) => low).filter((low) => hasChar(long, high * 16 + low));
    const lastDigit = charClass(charsOf(digits.map((digit) => digit.toString(16)).join("")));
    return sequence(literal(`\\u00${high}`), lastDigit);
  });
}

/** Any character in any spelling. An escaped surrogate such as \uD800 is only allowed together with its other half. */
function anyStringChar(quote: StringQuote): Expression {
  const highSurrogate = sequence(oneOf("D", "d"), oneOf("8", "9", "AB", "ab"), hexDigit, hexDigit);
  const lowSurrogate = sequence(oneOf("D", "d"), oneOf("CF", "cf"), hexDigit, hexDigit);
  const unit = choice(
    sequence(oneOf("09", "AC", "EF", "ac", "ef"), hexDigit, hexDigit, hexDigit),
    sequence(oneOf("D", "d"), oneOf("07"), hexDigit, hexDigit),
    sequence(highSurrogate, literal("\\u"), lowSurrogate),
  );
  const letters = charClass(charsOf(`${quote.text}\\${quote.escapes ?? ""}`));
  return choice(charClass(rawChars(quote)), sequence(literal("\\"), choice(letters, sequence(literal("u"), unit))));
}
