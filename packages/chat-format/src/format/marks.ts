// Owns the marks: if a marker is a single token of the vocabulary, a private character replaces the marker. With marks, the reader works on plain
// text only. If a model writes a marker in ordinary tokens, the marker is ordinary text.
import { type AnswerItem, type Syntax, innerOf } from "./syntax.ts";
import type { ChatFormat, Mark } from "./format.ts";

const firstMark = 0xfdd1;
/** U+FDD1 to U+FDEF: noncharacters, which texts do not contain. U+FDD0 breaks the control tokens in clients' texts. */
export const maxMarks = 31;

export const isMark = (char: string): boolean => char >= "\uFDD1" && char <= "\uFDEF";

/**
 * Replaces the markers that are tokens by marks, everywhere in the format's syntax. After 31 marks, the other markers stay text.
 * @param isToken true for a control token; "user" for a user-defined token, whose text is shown outside of the syntax; false otherwise
 */
export function withMarks(format: ChatFormat, isToken: (text: string) => boolean | "user"): ChatFormat {
  const marks: Mark[] = [];
  for (const text of format.markers) {
    const kind = isToken(text);
    if (kind === false || marks.length === maxMarks) continue;
    marks.push({ mark: String.fromCodePoint(firstMark + marks.length), text, control: kind !== "user" });
  }
  return { ...format, marks, answer: marked(format.answer, marks) as readonly AnswerItem[] };
}

/**
 * Replaces markers by marks in a text that was tokenized with special tokens, such as a prompt. If U+FDD0 breaks a marker, the marker was tokenized
 * as ordinary text: the marker stays text, without U+FDD0.
 */
export function markText(text: string, marks: readonly Mark[]): string {
  const longestFirst = marks.toSorted((a, b) => b.text.length - a.text.length);
  const markedText = longestFirst.reduce((result, mark) => result.replaceAll(mark.text, mark.mark), text);
  return markedText.replaceAll("\uFDD0", "");
}

function marked(value: unknown, marks: readonly Mark[]): unknown {
  if (typeof value === "string") return markText(value, marks);
  if (Array.isArray(value)) return value.map((one) => marked(one, marks));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, marked(one, marks)]));
}

/** Replaces marks by their markers. Marks of control tokens become "", unless `all` is set. */
export function spell(text: string, marks: readonly Mark[], all: boolean): string {
  if (!/[\uFDD1-\uFDEF]/.test(text)) return text;
  return text.replaceAll(/[\uFDD1-\uFDEF]/g, (char) => {
    const mark = marks.find((one) => one.mark === char);
    return mark === undefined || (mark.control && !all) ? "" : mark.text;
  });
}

/** Replaces marks in JSON text, where they occur only in strings. @param say returns a mark's text */
export function spellInJson(json: string, say: (mark: string) => string): string {
  return json.replaceAll(/[\uFDD1-\uFDEF]/g, (mark) => JSON.stringify(say(mark)).slice(1, -1));
}

const markerShapes = /<[^<>\s][^<>\n]{0,62}>|\[\/?[A-Z][A-Z_ ]{1,40}\]/g;

/** Finds the texts in these items that could be single tokens. */
export function markersOf(items: readonly AnswerItem[]): string[] {
  const found = new Set<string>();
  for (const { syntax } of items) {
    for (const text of stringsOf(syntax)) {
      for (const match of text.matchAll(markerShapes)) found.add(match[0]);
      const whole = text.trim();
      if (whole.length > 1 && /[^\w\s]/.test(whole)) found.add(whole);
    }
  }
  return [...found];
}

/** All strings of a syntax that occur in answers. */
function stringsOf(syntax: Syntax): string[] {
  switch (syntax.kind) {
    case "literal":
      return [syntax.text];
    case "repeat":
      return [...stringsOf(syntax.item), ...(syntax.separator === undefined ? [] : [syntax.separator])];
    case "text":
    case "name":
    case "id":
      return [...syntax.until];
    case "arguments":
      return textsOf(syntax.syntax);
    default:
      return (innerOf(syntax) ?? []).flatMap(stringsOf);
  }
}

/** All strings of a plain value, except `kind`. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => (key === "kind" ? [] : textsOf(one)));
}
