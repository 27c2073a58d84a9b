// Parses regular expressions: the part of ECMAScript's syntax (with the u flag) that describes regular languages.
import { charSet, codePoint, complementSet, uniteSets, type CharSet } from "../../rules/char-set.ts";
import type { GrammarLimits } from "../../rules/limits.ts";
import { charEscapes, classEscapes, dot, type RegexSyntax } from "./regex-syntax.ts";

const deepestGroup = 64;

/** A pattern that cannot be parsed, or that no grammar can express. The message lacks its subject: "has a backreference, which is not supported". */
export class RegexError extends Error {
  override readonly name = "RegexError";
}

/** @throws RegexError naming the unsupported construct */
export function parseRegex(source: string, limits: GrammarLimits): RegexSyntax {
  if (source.length > limits.patternChars) throw new RegexError(`is longer than ${limits.patternChars} characters`);
  const reader = createReader(source);
  const syntax = parseAlternation(reader, limits, 0);
  if (reader.peek() !== undefined) throw new RegexError('has a ")" without its "("');
  return syntax;
}

interface Reader {
  peek(): string | undefined;
  next(): string | undefined;
  /** Skips `text` if the source continues with `text`. Returns whether it does. */
  take(text: string): boolean;
  /** Matches the sticky expression at the current position, and skips the match. */
  match(expression: RegExp): RegExpExecArray | undefined;
}

function createReader(source: string): Reader {
  let at = 0;
  const peek = (): string | undefined => {
    const char = source.codePointAt(at);
    return char === undefined ? undefined : String.fromCodePoint(char);
  };
  return {
    peek,
    next: () => {
      const char = peek();
      at += char?.length ?? 0;
      return char;
    },
    take: (text) => {
      if (!source.startsWith(text, at)) return false;
      at += text.length;
      return true;
    },
    match: (expression) => {
      expression.lastIndex = at;
      const found = expression.exec(source) ?? undefined;
      at += found?.[0].length ?? 0;
      return found;
    },
  };
}

function parseAlternation(reader: Reader, limits: GrammarLimits, depth: number): RegexSyntax {
  if (depth > deepestGroup) throw new RegexError(`has groups more than ${deepestGroup} deep`);
  const options: RegexSyntax[] = [];
  do {
    const items: RegexSyntax[] = [];
    for (let char = reader.peek(); char !== undefined && char !== "|" && char !== ")"; char = reader.peek()) {
      items.push(parseTerm(reader, limits, depth));
    }
    options.push({ kind: "concat", items });
  } while (reader.take("|"));
  return { kind: "alternation", options };
}

function parseTerm(reader: Reader, limits: GrammarLimits, depth: number): RegexSyntax {
  const item = parseItem(reader, limits, depth);
  const count = parseQuantifier(reader, limits);
  if (count === undefined) return item;
  if (item.kind === "start" || item.kind === "end" || item.kind === "lookahead") {
    throw new RegexError("repeats an anchor or a lookahead");
  }
  reader.take("?"); // A lazy quantifier matches the same texts.
  return { kind: "repeat", item, ...count };
}

function parseQuantifier(reader: Reader, limits: GrammarLimits): { min: number; max: number } | undefined {
  if (reader.take("*")) return { min: 0, max: Infinity };
  if (reader.take("+")) return { min: 1, max: Infinity };
  if (reader.take("?")) return { min: 0, max: 1 };
  const braces = reader.match(/\{(\d+)(?:(,)(\d*))?\}/y);
  if (braces === undefined) return undefined;
  const min = Number(braces[1]);
  const max = braces[2] === undefined ? min : braces[3] === "" ? Infinity : Number(braces[3]);
  if (max < min) throw new RegexError(`has a quantifier whose numbers are out of order: ${braces[0]}`);
  if (min > limits.repetitions || (max !== Infinity && max > limits.repetitions)) {
    throw new RegexError(`repeats more than ${limits.repetitions} times`);
  }
  return { min, max };
}

function parseItem(reader: Reader, limits: GrammarLimits, depth: number): RegexSyntax {
  const char = reader.next() ?? "";
  switch (char) {
    case "^":
      return { kind: "start" };
    case "$":
      return { kind: "end" };
    case ".":
      return { kind: "set", set: dot };
    case "[":
      return { kind: "set", set: parseClass(reader) };
    case "(":
      return parseGroup(reader, limits, depth);
    case "\\":
      return { kind: "set", set: parseEscape(reader, false) };
    case "*":
    case "+":
    case "?":
      throw new RegexError(`has a ${JSON.stringify(char)} that needs a backslash`);
    default:
      // Unmatched brackets and braces match themselves, as they do without the u flag.
      return { kind: "set", set: singleChar(codePoint(char)) };
  }
}

function parseGroup(reader: Reader, limits: GrammarLimits, depth: number): RegexSyntax {
  const lookahead = reader.take("?=") ? "positive" : reader.take("?!") ? "negative" : undefined;
  if (reader.match(/\?<[=!]/y) !== undefined) throw new RegexError("has a lookbehind, which is not supported");
  if (lookahead === undefined && !reader.take("?:") && reader.match(/\?<[A-Za-z_$][\w$]*>/y) === undefined) {
    if (reader.peek() === "?") throw new RegexError('has a "(?" that is not supported');
  }
  const item = parseAlternation(reader, limits, depth + 1);
  if (!reader.take(")")) throw new RegexError('has a "(" without its ")"');
  return lookahead === undefined ? item : { kind: "lookahead", item, negative: lookahead === "negative" };
}

function parseClass(reader: Reader): CharSet {
  const negated = reader.take("^");
  const parts: CharSet[] = [];
  while (!reader.take("]")) {
    const first = parseClassMember(reader);
    if (reader.match(/-(?!\])/y) === undefined) {
      parts.push(first);
      continue;
    }
    const [from, to] = [single(first), single(parseClassMember(reader))];
    if (from > to) throw new RegexError("has a class with a range that is out of order");
    parts.push(charSet([[from, to]]));
  }
  const set = uniteSets(...parts);
  return negated ? complementSet(set) : set;
}

function parseClassMember(reader: Reader): CharSet {
  const char = reader.next();
  if (char === undefined) throw new RegexError('has a "[" without its "]"');
  return char === "\\" ? parseEscape(reader, true) : singleChar(codePoint(char));
}

function single(set: CharSet): number {
  const [range] = set;
  if (set.length !== 1 || range === undefined || range[0] !== range[1]) {
    throw new RegexError("has a class with a range that is not between two characters");
  }
  return range[0];
}

/** Parses an escape after its backslash. */
function parseEscape(reader: Reader, inClass: boolean): CharSet {
  const coded = parseCodedChar(reader);
  if (coded !== undefined) return singleChar(coded);
  const letter = reader.next();
  if (letter === undefined) throw new RegexError("ends with a backslash");
  const known = classEscapes.get(letter);
  if (known !== undefined) return known;
  const control = charEscapes.get(letter);
  if (control !== undefined && !(letter === "0" && /\d/.test(reader.peek() ?? ""))) return singleChar(control);
  if (inClass && letter === "b") return singleChar(0x08);
  if (/[1-9k]/.test(letter)) throw new RegexError("has a backreference, which is not supported");
  if (/[bB]/.test(letter)) throw new RegexError("has a word boundary, which is not supported");
  if (/[A-Za-z0-9]/.test(letter)) throw new RegexError(`has \\${letter}, which is not supported`);
  return singleChar(codePoint(letter));
}

/** Parses `xHH`, `uHHHH`, a surrogate pair of two `uHHHH`, or `u{H…}`. */
function parseCodedChar(reader: Reader): number | undefined {
  const pair = reader.match(/u([dD][89abAB][\da-fA-F]{2})\\u([dD][c-fC-F][\da-fA-F]{2})/y);
  if (pair !== undefined) {
    return codePoint(String.fromCharCode(Number.parseInt(pair[1] ?? "", 16), Number.parseInt(pair[2] ?? "", 16)));
  }
  const coded = reader.match(/x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{([\da-fA-F]{1,6})\}/y);
  return coded === undefined ? undefined : Number.parseInt(coded[1] ?? coded[2] ?? coded[3] ?? "", 16);
}

function singleChar(char: number): CharSet {
  return charSet([[char, char]]);
}
