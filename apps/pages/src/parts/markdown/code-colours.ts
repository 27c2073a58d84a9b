// Owns colouring code, a line at each step. Draws nothing.
import { StringStream } from "@codemirror/streamparser";
import { languageLoader, type Language } from "./code-languages.ts";

/** Text in one colour; the kind is a CSS class, and undefined is plain. */
export interface Piece {
  readonly text: string;
  readonly kind: Kind | undefined;
}
type Kind = "keyword" | "string" | "number" | "comment" | "name" | "type" | "added" | "removed";

/** Colours code of one language: a line at each step, and the pieces of all lines at the end. */
export type Colours = (code: string) => Iterator<void, readonly Piece[]>;

/** Longer lines are data, and stay plain. */
const maxLineChars = 2_000;
const indentChars = 2;
const maxEmptyTokens = 10;

/** Undefined for an unknown language. */
export async function coloursOf(name: string): Promise<Colours | undefined> {
  const language = await languageLoader(name)?.();
  return language && ((code) => colourLines(language, code));
}

function* colourLines(language: Language, code: string): Generator<void, readonly Piece[]> {
  const pieces: Piece[] = [];
  try {
    const state = language.startState?.(indentChars) ?? {};
    for (const [i, line] of code.split("\n").entries()) {
      if (i > 0) add(pieces, "\n", undefined);
      if (line.length > maxLineChars) add(pieces, line, undefined);
      else colourLine(language, line, state, pieces);
      yield;
    }
    return pieces;
  } catch {
    // If a language's parser fails, the code stays plain.
    return [{ text: code, kind: undefined }];
  }
}

function colourLine(language: Language, line: string, state: unknown, pieces: Piece[]): void {
  if (line === "") return language.blankLine?.(state, indentChars);
  const stream = new StringStream(line, 4, indentChars);
  while (!stream.eol()) {
    stream.start = stream.pos;
    let style: string | null | undefined;
    // A language's parser may return without reading a character, to change its state. The limit prevents an endless loop.
    for (let tries = 0; tries < maxEmptyTokens && stream.pos === stream.start; tries++) {
      style = language.token(stream, state);
    }
    if (stream.pos === stream.start) stream.next();
    add(pieces, stream.current(), colourKind(style));
  }
}

function add(pieces: Piece[], text: string, kind: Kind | undefined): void {
  if (text === "") return;
  const last = pieces.at(-1);
  if (last !== undefined && last.kind === kind) pieces[pieces.length - 1] = { text: last.text + text, kind };
  else pieces.push({ text, kind });
}

/** The styles of CodeMirror's languages, by the kind of their colour. */
const styles: Readonly<Record<Kind, string>> = {
  keyword: "keyword modifier controlKeyword operatorKeyword definitionKeyword moduleKeyword self tag tagName heading",
  type: "meta builtin type typeName className namespace variable-3 qualifier annotation",
  string: "string-2 string character regexp escape attributeValue url link",
  number: "number atom bool null unit color",
  comment: "comment quote",
  name: "def variable-2 property propertyName attribute attributeName macroName labelName",
  added: "inserted positive",
  removed: "deleted negative invalid",
};
const kinds = new Map(
  Object.entries(styles).flatMap(([kind, names]) => names.split(" ").map((name) => [name, kind as Kind] as const)),
);

/** The kind of a style. Some languages return undefined instead of null for plain text. */
function colourKind(style: string | null | undefined): Kind | undefined {
  if (style === null || style === undefined) return undefined;
  for (const tag of style.split(" ")) {
    const [name = "", modifier] = tag.split(".");
    if (modifier === "definition" || modifier === "function") return "name";
    if (modifier === "standard") return "type";
    const kind = kinds.get(name);
    if (kind !== undefined) return kind;
  }
  return undefined;
}
