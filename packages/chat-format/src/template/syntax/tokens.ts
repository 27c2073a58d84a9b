// Divides a template's source into text and tokens, with Jinja's rules for white space around tags: trim_blocks and lstrip_blocks are on, and one
// newline at the end of the source is dropped.
import { blankClass, strip } from "../values/blanks.ts";
import { TemplateError } from "../template-error.ts";

const escapePattern = /\\(?:\n|([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([abfnrtv\\'"]))/g;
const singleEscapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};
const lastCodePoint = 0x10ffff;

export type TokenType =
  | "text"
  | "name"
  | "string"
  | "integer"
  | "float"
  | "operator"
  | "tag"
  | "tagEnd"
  | "print"
  | "printEnd"
  | "end";

export interface Token {
  readonly type: TokenType;
  /** A string's value; otherwise the source of the token. */
  readonly text: string;
  /** Line number, from 1. */
  readonly line: number;
}

const onlyBlanks = new RegExp(`^${blankClass}+$`);
const blanks = new RegExp(`${blankClass}+`, "y");
const opening = /\{[%{#]/g;
const rawOpening = new RegExp(`\\{%[-+]?${blankClass}*raw${blankClass}*(?:-%\\}${blankClass}*|%\\})`, "y");
const rawClosing = new RegExp(
  `\\{%([-+]?)${blankClass}*endraw${blankClass}*(?:\\+%\\}|-%\\}${blankClass}*|%\\}\\n?)`,
  "g",
);
const commentClosing = new RegExp(`\\+#\\}|-#\\}${blankClass}*|#\\}\\n?`, "g");
const tagClosing = new RegExp(`\\+%\\}|-%\\}${blankClass}*|%\\}\\n?`, "y");
const printClosing = new RegExp(`-\\}\\}${blankClass}*|\\}\\}`, "y");
const float = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/y;
const integer = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const name = /[\p{ID_Start}_][\p{ID_Continue}]*/uy;
const string = /'[^'\\]*(?:\\[^][^'\\]*)*'|"[^"\\]*(?:\\[^][^"\\]*)*"/y;
const operator = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}<>=.:|,;]/y;
const closerOf: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** @throws TemplateError syntax */
export function tokenize(source: string): readonly Token[] {
  const text = source.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let nextNewline = text.indexOf("\n");
  /** Whether `at` is at the beginning of a line: the white space before a tag that begins its line is dropped. */
  let startsLine = true;

  function lineAt(place: number): number {
    while (nextNewline >= 0 && nextNewline < place) {
      line += 1;
      nextNewline = text.indexOf("\n", nextNewline + 1);
    }
    return line;
  }

  const error = (message: string) => new TemplateError("syntax", `Line ${lineAt(at)}: ${message}`);
  const push = (type: TokenType, value: string) => tokens.push({ type, text: value, line: lineAt(at) });

  function match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    return pattern.exec(text);
  }

  function pushText(given: string, sign: string, isPrint: boolean): void {
    const shown = sign === "-" ? strip(given, "right") : sign === "+" || isPrint ? given : stripIndent(given);
    if (shown !== "") push("text", shown);
  }

  function stripIndent(given: string): string {
    const lineStart = given.lastIndexOf("\n") + 1;
    const isAlone = (lineStart > 0 || startsLine) && onlyBlanks.test(given.slice(lineStart));
    return isAlone ? given.slice(0, lineStart) : given;
  }

  function moveTo(end: number): void {
    at = end;
    startsLine = text[end - 1] === "\n";
  }

  function skipComment(): void {
    at += 2;
    const closed = match(commentClosing);
    if (closed === null) throw error("a comment has no end");
    moveTo(commentClosing.lastIndex);
  }

  function readRaw(end: number): void {
    moveTo(end);
    const closed = match(rawClosing);
    if (closed === null) throw error("a raw block has no end");
    pushText(text.slice(at, closed.index), closed[1] ?? "", false);
    moveTo(rawClosing.lastIndex);
  }

  function readTag(isPrint: boolean): void {
    push(isPrint ? "print" : "tag", text.slice(at, at + 2));
    at += text[at + 2] === "-" || text[at + 2] === "+" ? 3 : 2;
    const open: string[] = [];
    const closing = isPrint ? printClosing : tagClosing;
    for (;;) {
      if (match(blanks) !== null) at = blanks.lastIndex;
      if (at >= text.length) throw error("a tag has no end");
      const closed = open.length === 0 ? match(closing) : null;
      if (closed !== null) {
        push(isPrint ? "printEnd" : "tagEnd", closed[0]);
        moveTo(closing.lastIndex);
        return;
      }
      readToken(open);
    }
  }

  function readToken(open: string[]): void {
    const isAfterDot = text[at - 1] === ".";
    const number = isAfterDot ? null : match(float);
    if (number !== null) return accept("float", number[0]);
    const whole = match(integer);
    if (whole !== null) return accept("integer", whole[0]);
    const word = match(name);
    if (word !== null) return accept("name", word[0]);
    const quoted = match(string);
    if (quoted !== null) {
      push("string", decodeEscapes(quoted[0].slice(1, -1)));
      at += quoted[0].length;
      return;
    }
    const sign = match(operator)?.[0];
    if (sign === undefined) throw error(`unexpected character ${JSON.stringify(text[at])}`);
    const closer = closerOf[sign];
    if (closer !== undefined) open.push(closer);
    else if ((sign === ")" || sign === "]" || sign === "}") && open.pop() !== sign) throw error(`unexpected "${sign}"`);
    accept("operator", sign);
  }

  function accept(type: TokenType, value: string): void {
    push(type, value);
    at += value.length;
  }

  while (at < text.length) {
    const found = match(opening);
    const begin = found?.index ?? text.length;
    const given = text.slice(at, begin);
    const isPrint = found?.[0] === "{{";
    const sign = found === null ? "+" : (/[-+]/.exec(text[begin + 2] ?? "")?.[0] ?? "");
    pushText(given, sign, isPrint);
    at = begin;
    if (found === null) break;
    const raw = match(rawOpening);
    if (raw !== null) readRaw(rawOpening.lastIndex);
    else if (found[0] === "{#") skipComment();
    else readTag(isPrint);
  }
  push("end", "");
  return tokens;
}

/** Decodes Python's escapes in a string literal. Other backslashes stay in the text. */
function decodeEscapes(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(
    escapePattern,
    (whole: string, octal?: string, x?: string, u?: string, long?: string, one?: string) => {
      if (one !== undefined) return singleEscapes[one] ?? one;
      const digits = octal ?? x ?? u ?? long;
      if (digits === undefined) return "";
      const code = Number.parseInt(digits, octal === undefined ? 16 : 8);
      return code > lastCodePoint ? whole : String.fromCodePoint(code);
    },
  );
}
