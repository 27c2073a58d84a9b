// Owns the syntax of answers: a small tree of plain data. The reader interprets the tree, and the grammar is printed from it. Decision 067.
import type { JsonType } from "@waggle/grammar/json-schema";

/** Syntax of a piece of an answer. Strings may contain marks (see marks.ts). */
export type Syntax =
  /** Exactly this text. */
  | { readonly kind: "literal"; readonly text: string }
  /** White space. The reader takes any amount; `text` is what the family writes. */
  | { readonly kind: "blank"; readonly text: string }
  | { readonly kind: "sequence"; readonly items: readonly Syntax[] }
  /**
   * The reader takes the first item whose literal beginning matches the text, otherwise the first item that can begin with any text. If several
   * items are calls, the family writes the first one.
   */
  | { readonly kind: "choice"; readonly items: readonly Syntax[] }
  | { readonly kind: "optional"; readonly item: Syntax }
  /** One or more items. The reader also accepts items without the separator. */
  | { readonly kind: "repeat"; readonly item: Syntax; readonly separator?: string }
  /** Free text up to one of the ends in `until`; the end is not consumed. Without ends: up to the answer's end. The part `nothing` is skipped. */
  | { readonly kind: "text"; readonly part: "content" | "reasoning" | "nothing"; readonly until: readonly string[] }
  /** A tool's name up to one of the ends in `until`; the end is not consumed. With an unknown name, the whole call is content. */
  | { readonly kind: "name"; readonly until: readonly string[] }
  /** A call without a name in the text: it calls the first of `names` that is a tool. Consumes nothing. */
  | { readonly kind: "implied-name"; readonly names: readonly string[] }
  /** A call's id up to one of the ends in `until`. `name`: the texts around the tool's name in an id like `functions.weather:0`. */
  | {
      readonly kind: "id";
      readonly until: readonly string[];
      readonly name?: { readonly open: string; readonly close: string };
    }
  | { readonly kind: "arguments"; readonly syntax: ArgumentsSyntax }
  | CallObject;

/** A JSON object that is a call, with members in any order. Each field is the key of a member; other members are skipped. */
export interface CallObject {
  readonly kind: "object";
  readonly name: string;
  readonly arguments: string;
  readonly id?: string;
  /** Key of the inner object that has the name and the arguments (`{"type": "function", "function": {…}}`). */
  readonly within?: string;
}

/** Syntax of a call's arguments. Each kind has a reader next to arguments/json.ts. */
export type ArgumentsSyntax =
  /** One JSON value. */
  { readonly kind: "json" } | TaggedArguments | ElementArguments | ValueArguments | TextArguments;

/** `<parameter=city>Paris</parameter>`: strings as plain text, other values as JSON. The tool's schema says which values are strings. */
export interface TaggedArguments {
  readonly kind: "tags";
  /** Texts around an argument's name. */
  readonly key: { readonly open: string; readonly close: string };
  /** Attribute between name and value, with the value's type in these words. The reader accepts arguments without the attribute. */
  readonly type?: { readonly open: string; readonly close: string; readonly words: Readonly<Record<JsonType, string>> };
  /** Texts around an argument's value; `open` may be empty. The reader accepts `open` without the white space at its beginning. */
  readonly value: { readonly open: string; readonly close: string };
  /**
   * Texts around a string that contains one of the `unless` texts, so that markers in the string have no meaning. The reader accepts `open` and
   * `close` around any value.
   */
  readonly verbatim?: { readonly open: string; readonly close: string; readonly unless: readonly string[] };
  /** In names, `"` and `&` are written as XML entities. */
  readonly escapes?: "xml";
  /** Whether a line break on each side of a value belongs to the markers. */
  readonly lines: boolean;
  /** Text between two arguments, mostly white space. */
  readonly separator: string;
}

/**
 * `(city="Paris", days=3)` or `{city:<|"|>Paris<|"|>,days:3}`: names and values as in a programming language. Lists are `[…]`, and objects `{…}` with
 * `colon` after each key. The fields have the texts that the family writes. The reader also accepts white space anywhere, any of the quotes, keys
 * with or without quotes, and the constants of JSON and Python.
 */
export interface ValueArguments {
  readonly kind: "values";
  /** Texts around all arguments. */
  readonly open: string;
  readonly close: string;
  /** Text between an argument's name and its value. */
  readonly assign: string;
  readonly separator: string;
  readonly colon: string;
  readonly quotedKeys: boolean;
  /** The family writes the first quote of the list; the reader accepts every quote of the list. */
  readonly quotes: readonly Quote[];
  readonly words: { readonly true: string; readonly false: string; readonly null: string };
  /** The family sorts members by name. */
  readonly sortedNames?: true;
}

export interface Quote {
  readonly text: string;
  /** Whether a backslash begins an escape between these quotes. */
  readonly escapes: boolean;
}

/** Plain text up to the end of the answer, which becomes a single argument: `{"code": "…"}`. */
export interface TextArguments {
  readonly kind: "text";
  /** Name of the argument. If the tool has no argument of this name, the text becomes its first argument. */
  readonly argument: string;
}

/**
 * `<city>Paris</city>`: each member is an element with the member's name as its tag; objects and lists are nested elements. The tool's schema says
 * which values are strings. The family writes no white space, and leaves out members that are null.
 */
export interface ElementArguments {
  readonly kind: "elements";
  /** Text before each tag, so that tags within a string have no meaning. */
  readonly before: string;
  /** Tag of a list's items. */
  readonly item: string;
}

/** Syntax that may begin within an answer. */
export interface AnswerItem {
  /** `start`: only at the beginning of an answer or after another item, with at most white space before it. */
  readonly at: "anywhere" | "start";
  readonly syntax: Syntax;
  /** The item has no meaning: the family writes it between two other items. */
  readonly connects?: true;
}

export const literal = (text: string): Syntax => ({ kind: "literal", text });
export const blank = (text = ""): Syntax => ({ kind: "blank", text });
export const sequence = (...items: readonly Syntax[]): Syntax => ({ kind: "sequence", items });
export const choice = (...items: readonly Syntax[]): Syntax => ({ kind: "choice", items });
export const optional = (item: Syntax): Syntax => ({ kind: "optional", item });
/** A call as a JSON object with a name and arguments. */
export const callObject: CallObject = { kind: "object", name: "name", arguments: "arguments" };
/** Arguments between tags; by default without line breaks around values, and without a separator. */
export const tags = (
  syntax: Pick<TaggedArguments, "key" | "value"> & Partial<Omit<TaggedArguments, "kind">>,
): Syntax => ({ kind: "arguments", syntax: { kind: "tags", lines: false, separator: "", ...syntax } });
/** An item that may begin anywhere in an answer. */
export const anywhere = (...items: readonly Syntax[]): AnswerItem => ({ at: "anywhere", syntax: sequence(...items) });
/** An item for a marker without meaning, so that it does not become content. */
export const markerItem = (text: string): AnswerItem => ({ at: "anywhere", syntax: literal(text) });

/** Converts a template's output to syntax: `"\n<tool_call>\n"` becomes a blank, a literal and a blank. White space within a line stays part of a literal. */
export function words(text: string): Syntax[] {
  return text
    .split(/(^\s+|\s+$|\s*\n\s*)/)
    .filter((piece) => piece !== "")
    .map((piece) => (piece.trim() === "" ? blank(piece) : literal(piece)));
}

/** The literals in a template's output. */
export function literalsIn(text: string): string[] {
  return words(text).flatMap((word) => (word.kind === "literal" ? [word.text] : []));
}

/** The literals with which the syntax can begin after white space; undefined if it can begin with any text. */
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

/** The syntax without white space at its end, so that the reader does not wait for white space. */
export function withoutLastBlank(syntax: Syntax): Syntax {
  if (syntax.kind === "optional") return optional(withoutLastBlank(syntax.item));
  if (syntax.kind !== "sequence") return syntax;
  const last = syntax.items.at(-1);
  if (last === undefined) return syntax;
  const before = syntax.items.slice(0, -1);
  return last.kind === "blank" ? withoutLastBlank(sequence(...before)) : sequence(...before, withoutLastBlank(last));
}

export function hasCall(syntax: Syntax): boolean {
  return hasLeaf(syntax, ({ kind }) => ["object", "name", "implied-name", "arguments"].includes(kind));
}

/** The syntax within a sequence, a choice, an optional item or a repetition; undefined for a leaf of the tree. */
export function innerOf(syntax: Syntax): readonly Syntax[] | undefined {
  if ("items" in syntax) return syntax.items;
  return "item" in syntax ? [syntax.item] : undefined;
}

/** Whether a leaf of the syntax tree passes the test. */
export function hasLeaf(syntax: Syntax, test: (leaf: Syntax) => boolean): boolean {
  return innerOf(syntax)?.some((item) => hasLeaf(item, test)) ?? test(syntax);
}
