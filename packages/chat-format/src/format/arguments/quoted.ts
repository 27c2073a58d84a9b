// Reads quoted text and passes on each piece as part of a JSON string.
import { type Cursor, type Reading, createWatch, takeLiteral } from "../cursor.ts";
import { isMark } from "../marks.ts";
import type { Quote, ValueArguments } from "../syntax.ts";
import { escapeAt } from "./escapes.ts";

/** At most this many characters after a quote are examined to decide whether the quote ends its text. */
const maxAheadChars = 128;

export interface Quoted {
  readonly quote: Quote;
  /** What can follow the value of a named argument; undefined for all other values. */
  readonly named?: NamedEnds;
  say(json: string): void;
  spell(text: string): string;
}

/** Consumes the quote that begins here, and returns it. Three quotes in a row count as one quote. */
export function* takeQuote(cursor: Cursor, quotes: readonly Quote[]): Generator<undefined, Quote | undefined> {
  for (const quote of quotes) {
    if (!(yield* takeLiteral(cursor, quote.text))) continue;
    const isTriple = quote.escapes && (yield* takeLiteral(cursor, quote.text.repeat(2)));
    return isTriple ? { ...quote, text: quote.text.repeat(3) } : quote;
  }
  return undefined;
}

/** Reads up to the closing quote, which is consumed. Returns false if the answer ended before the quote. */
export function* readQuoted(cursor: Cursor, quoted: Quoted): Reading {
  const { quote } = quoted;
  const watch = createWatch(quote.escapes ? [quote.text, "\\"] : [quote.text]);
  quoted.say('"');
  for (;;) {
    const found = watch.find(cursor.text, cursor.at, cursor.ended);
    tell(quoted, cursor.text.slice(cursor.at, found.at));
    cursor.at = found.at;
    if (found.text === "\\") {
      const escape = escapeAt(cursor.text, cursor.at, cursor.ended);
      if (escape !== undefined) {
        tell(quoted, escape.text);
        cursor.at += escape.length;
        continue;
      }
    } else if (found.text !== undefined) {
      const isEnd = endsText(cursor, quoted);
      if (isEnd !== undefined) {
        cursor.at += isEnd ? quote.text.length : 1;
        if (!isEnd) tell(quoted, quote.text.charAt(0));
        else quoted.say('"');
        if (isEnd) return true;
        continue;
      }
    }
    if (cursor.ended) return false;
    yield;
  }
}

function tell({ say, spell }: Quoted, text: string): void {
  if (text !== "") say(JSON.stringify(spell(text)).slice(1, -1));
}

/**
 * Whether the quote at the cursor ends the text; undefined if more text is needed. Some templates, and so their models, do not escape quotes
 * within a text: such a quote ends the text only before something that may follow a value.
 */
function endsText({ text, at, ended }: Cursor, { quote, named }: Quoted): boolean | undefined {
  if (!quote.escapes) return true;
  const from = at + quote.text.length;
  const ahead = text.slice(from, from + maxAheadChars);
  if (named === undefined) {
    const next = ahead.trimStart().charAt(0);
    if (next === "") return ended || ahead.length === maxAheadChars ? true : undefined;
    return ",:]})".includes(next) || isMark(next);
  }
  if (named.ends.test(ahead)) return true;
  if (!named.mayEnd.test(ahead)) return false;
  if (ended) return true;
  return ahead.length === maxAheadChars ? false : undefined;
}

export interface NamedEnds {
  /** Matches the text after a closing quote. */
  readonly ends: RegExp;
  /** Matches every beginning of a text that `ends` matches. */
  readonly mayEnd: RegExp;
}

/**
 * Texts that may follow a closing quote: a marker, the next argument's name, or the end of the arguments. The end of the arguments counts only before
 * a marker, a list's end or the next call.
 */
export function namedEnds({ open, close, assign }: ValueArguments): NamedEnds {
  const [begin, end, is] = [open, close, assign.trim()].map((text) => text.replaceAll(/[()[\]{}]/g, String.raw`\$&`));
  const mark = String.raw`\uFDD1-\uFDEF`;
  const tool = String.raw`[\p{L}\p{M}\p{N}_.:/-]`;
  return {
    ends: new RegExp(
      String.raw`^\s*(?:[${mark}]|,\s*(?:(["']?)[\w.-]+\1\s*${is}|${end})|${end}\s*(?:[\]<${mark}]|,\s*${tool}+\s*${begin}))`,
      "u",
    ),
    mayEnd: new RegExp(String.raw`^\s*(?:,\s*["']?[\w.-]*["']?\s*|${end}\s*(?:,\s*${tool}*\s*)?)?$`, "u"),
  };
}
