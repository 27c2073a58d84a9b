// Owns the syntax of answers: a small tree of plain data. The reader interprets it, the grammar is printed from it.
import type { JsonType } from "./arguments/schema-types.ts";

/** How a piece of an answer is written. Strings may hold marks (see marks.ts). */
export type Syntax =
  /** Exactly this text. */
  | { readonly kind: "literal"; readonly text: string }
  /** White space: the reader takes any amount; `text` is the family's. */
  | { readonly kind: "blank"; readonly text: string }
  | { readonly kind: "sequence"; readonly items: readonly Syntax[] }
  /**
   * Distinguished by their literal beginnings: the first item that begins as the text does, else the first that can begin with any text.
   * Of calls, the family itself writes the first.
   */
  | { readonly kind: "choice"; readonly items: readonly Syntax[] }
  | { readonly kind: "optional"; readonly item: Syntax }
  /** Once or more. The reader does not insist on the separator where an item follows without. */
  | { readonly kind: "repeat"; readonly item: Syntax; readonly separator?: string }
  /** Free text up to any of these, which is not consumed; without ends, up to the answer's end. `nothing` is skipped. */
  | { readonly kind: "text"; readonly part: "content" | "reasoning" | "nothing"; readonly until: readonly string[] }
  /** A tool's name, up to any of these, which is not consumed. A name that is no tool's makes the whole call content. */
  | { readonly kind: "name"; readonly until: readonly string[] }
  /** Where the text has no name: the call is of the first of these that is a tool. Reads nothing. */
  | { readonly kind: "implied-name"; readonly names: readonly string[] }
  /** A call's id, likewise. `name`: the text before and after the tool's name where the id holds it (`functions.weather:0`). */
  | {
      readonly kind: "id";
      readonly until: readonly string[];
      readonly name?: { readonly open: string; readonly close: string };
    }
  | { readonly kind: "arguments"; readonly syntax: ArgumentsSyntax }
  | CallObject;

/** A JSON object that is a call, its members in any order; those it does not know are read over. */
export interface CallObject {
  readonly kind: "object";
  readonly name: string;
  readonly arguments: string;
  readonly id?: string;
  /** The member whose object holds name and arguments (`{"type": "function", "function": {…}}`). */
  readonly within?: string;
}

/** How a call's arguments are written. A new one is a variant here and a file next to arguments/json.ts. */
export type ArgumentsSyntax =
  /** One JSON value. */
  { readonly kind: "json" } | TaggedArguments | ElementArguments | ValueArguments | TextArguments;

/** `<parameter=city>Paris</parameter>`: strings as they are, other values as JSON; the tool's schema decides which. */
export interface TaggedArguments {
  readonly kind: "tags";
  /** Stand before and after an argument's name. */
  readonly key: { readonly open: string; readonly close: string };
  /** Between name and value, the value's type in these words; the reader does without where it is missing. */
  readonly type?: { readonly open: string; readonly close: string; readonly words: Readonly<Record<JsonType, string>> };
  /** Stand before and after its value; `open` may be empty. White space at its beginning is what the family writes. */
  readonly value: { readonly open: string; readonly close: string };
  /** Stand around the text of a string that holds one of `unless`, so that no marker in it counts; the reader takes any value so. */
  readonly verbatim?: { readonly open: string; readonly close: string; readonly unless: readonly string[] };
  /** `"` and `&` in a name are written as in XML. */
  readonly escapes?: "xml";
  /** One line break next to a value's markers belongs to the markers. */
  readonly lines: boolean;
  /** Stands between two arguments, white space mostly. */
  readonly separator: string;
}

/**
 * `(city="Paris", days=3)` or `{city:<|"|>Paris<|"|>,days:3}`: names and values as a programming language writes them. Lists are
 * `[…]` and objects `{…}` with `colon` after each key, quoted where `quotedKeys`. What is written here is what the family itself writes;
 * the reader takes white space anywhere, any of the quotes, quoted keys or bare ones, words as JSON and Python have them.
 */
export interface ValueArguments {
  readonly kind: "values";
  /** Stand around all of them. */
  readonly open: string;
  readonly close: string;
  /** Stands between an argument's name and its value. */
  readonly assign: string;
  readonly separator: string;
  readonly colon: string;
  readonly quotedKeys: boolean;
  /** The first is the family's own. */
  readonly quotes: readonly Quote[];
  readonly words: { readonly true: string; readonly false: string; readonly null: string };
  /** The family itself writes members in the order of their names. */
  readonly sortedNames?: true;
}

export interface Quote {
  readonly text: string;
  /** A backslash has a meaning between them. */
  readonly escapes: boolean;
}

/** Text as it is, which is one argument: `{"code": "…"}`. */
export interface TextArguments {
  readonly kind: "text";
  /** The argument's name; where the tool has no such argument, its first is meant. */
  readonly argument: string;
  /** The text after it, not consumed; absent: it goes to the answer's end. */
  readonly until: readonly string[];
}

/**
 * `<city>Paris</city>`: a tag for each member, its name the tag's, within each other for objects and lists; the tool's schema tells
 * strings from other values. Written without white space; members that are null are left out.
 */
export interface ElementArguments {
  readonly kind: "elements";
  /** Stands before each tag, so that tags in a text are text. */
  readonly before: string;
  /** The tag of a list's items. */
  readonly item: string;
}

/** What may begin within an answer's content. */
export interface AnswerItem {
  /** `start`: only before the content, or after another item, with nothing but white space between. */
  readonly at: "anywhere" | "start";
  readonly syntax: Syntax;
  /** It has no meaning, and the family writes it between two others. */
  readonly connects?: true;
}

export const literal = (text: string): Syntax => ({ kind: "literal", text });
export const blank = (text = ""): Syntax => ({ kind: "blank", text });
export const sequence = (...items: readonly Syntax[]): Syntax => ({ kind: "sequence", items });
export const choice = (...items: readonly Syntax[]): Syntax => ({ kind: "choice", items });
export const optional = (item: Syntax): Syntax => ({ kind: "optional", item });

/**
 * A template's text as syntax: white space at its ends, and runs that break a line, become blanks.
 * `"\n<tool_call>\n"` is a blank, a literal and a blank.
 */
export function words(text: string): Syntax[] {
  return text
    .split(/(^\s+|\s+$|\s*\n\s*)/)
    .filter((piece) => piece !== "")
    .map((piece) => (piece.trim() === "" ? blank(piece) : literal(piece)));
}

/** Literals with which the syntax can begin, white space before them aside; undefined: with any text. */
export function beginnings(syntax: Syntax): readonly string[] | undefined {
  switch (syntax.kind) {
    case "literal":
      return [syntax.text];
    case "object":
      return ["{"];
    case "sequence":
      return firstOf(syntax.items);
    case "choice": {
      const each = syntax.items.map(beginnings);
      return each.includes(undefined) ? undefined : each.flatMap((texts) => texts ?? []);
    }
    case "optional":
    case "repeat":
      return beginnings(syntax.item);
    case "arguments":
      if (syntax.syntax.kind === "values") return [syntax.syntax.open];
      return syntax.syntax.kind === "json" ? ["{"] : undefined;
    case "blank":
    case "text":
    case "name":
    case "implied-name":
    case "id":
      return undefined;
  }
}

function firstOf(items: readonly Syntax[]): readonly string[] | undefined {
  const found: string[] = [];
  for (const item of items) {
    if (item.kind === "blank" || item.kind === "implied-name") continue;
    const own = beginnings(item);
    if (own === undefined) return undefined;
    found.push(...own);
    if (item.kind !== "optional") return found;
  }
  return undefined;
}

/** The same without white space at its end, which the reader does not wait for. */
export function withoutLastBlank(syntax: Syntax): Syntax {
  if (syntax.kind === "optional") return optional(withoutLastBlank(syntax.item));
  if (syntax.kind !== "sequence") return syntax;
  const last = syntax.items.at(-1);
  if (last === undefined) return syntax;
  const before = syntax.items.slice(0, -1);
  return last.kind === "blank" ? withoutLastBlank(sequence(...before)) : sequence(...before, withoutLastBlank(last));
}

/** Whether it can express a call. */
export function hasCall(syntax: Syntax): boolean {
  switch (syntax.kind) {
    case "object":
    case "name":
    case "implied-name":
    case "arguments":
      return true;
    case "sequence":
    case "choice":
      return syntax.items.some(hasCall);
    case "optional":
    case "repeat":
      return hasCall(syntax.item);
    case "literal":
    case "blank":
    case "text":
    case "id":
      return false;
  }
}
