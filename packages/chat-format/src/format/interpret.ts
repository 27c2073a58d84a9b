// Reads an answer by its syntax tree. Passes on each part as soon as it is certain.
import type { CallInProgress } from "./call-in-progress.ts";
import {
  account,
  createWatch,
  isBlank,
  isNext,
  maxBlankChars,
  dropBlanks,
  takeBlanks,
  takeLiteral,
  type Cursor,
  type Reading,
} from "./cursor.ts";
import { maxShortValueChars, readCallObject, tellArguments } from "./read-object.ts";
import { type Opener, opens } from "./openings.ts";
import { type Syntax, beginnings } from "./syntax.ts";

export interface ReadContext {
  /** Whether no marker precedes the object, so that an object without arguments is not a call. */
  bare: boolean;
  /** The item that this text begins; undefined if no item of this answer does. */
  readonly opener: (text: string) => Opener | undefined;
  /** Whether this text begins a call, if there are tools. */
  readonly isCall: (text: string) => boolean;
  readonly cursor: Cursor;
  readonly call: CallInProgress;
  /** Replaces marks by their markers. */
  readonly spell: (text: string) => string;
  /** Records that the next text belongs to this part. */
  enter(part: "content" | "reasoning"): void;
  /** Passes on free text of an item, without the white space around it. Markers in the text have no meaning. */
  say(part: "content" | "reasoning", text: string): void;
}

/** Reads the syntax at the cursor. Returns false if the text does not match, or if the answer ended within it. */
export function* read(context: ReadContext, syntax: Syntax): Reading {
  const { cursor } = context;
  switch (syntax.kind) {
    case "literal":
      return yield* takeLiteral(cursor, syntax.text);
    case "blank":
      // White space is optional: ignore that `takeBlanks` returns false at the answer's end.
      yield* takeBlanks(cursor);
      return true;
    case "sequence":
      return yield* readSequence(context, syntax.items);
    case "choice":
      return yield* readChoice(context, syntax.items);
    case "optional":
      return !(yield* follows(cursor, syntax.item)) || (yield* read(context, syntax.item));
    case "repeat":
      return yield* readRepeat(context, syntax.item, syntax.separator);
    case "text":
      return yield* readText(context, syntax.part, syntax.until);
    case "name":
      return yield* readName(context, syntax.until);
    case "id":
      return yield* readId(context, syntax.until, syntax.name);
    case "implied-name":
      if (context.call.isTold) context.call.reset();
      return syntax.names.some((name) => context.call.name(name));
    case "object":
      if (context.call.isTold) context.call.reset();
      return yield* readCallObject(context, syntax);
    case "arguments":
      return yield* tellArguments(context, syntax.syntax);
  }
}

/**
 * Whether the item begins here, after optional white space. If the item begins, the white space is consumed. An item that can begin with any text
 * always begins here.
 */
function* follows(cursor: Cursor, item: Syntax): Reading {
  const texts = beginnings(item);
  if (texts === undefined) return true;
  if (!(yield* isNext(cursor, texts))) return false;
  dropBlanks(cursor);
  return true;
}

function* readSequence(context: ReadContext, items: readonly Syntax[]): Reading {
  for (const [i, item] of items.entries()) {
    // Free text consumes the white space before it. Skip the blank, so that the text begins without waiting for the end of the white space.
    if (item.kind === "blank" && items[i + 1]?.kind === "text") continue;
    if (!(yield* read(context, item))) return false;
  }
  return true;
}

/** Reads the item whose beginning matches, otherwise the item that can begin with any text. */
function* readChoice(context: ReadContext, items: readonly Syntax[]): Reading {
  for (const item of items) {
    if (beginnings(item) !== undefined && (yield* follows(context.cursor, item))) return yield* read(context, item);
  }
  const other = items.find((item) => beginnings(item) === undefined);
  return other !== undefined && (yield* read(context, other));
}

function* readRepeat(context: ReadContext, item: Syntax, separator: string | undefined): Reading {
  const between = separator?.trim() ?? "";
  for (;;) {
    if (context.call.isTold) context.call.reset();
    if (!(yield* read(context, item))) return false;
    if (between !== "" && (yield* isNext(context.cursor, [between]))) {
      dropBlanks(context.cursor);
      yield* takeLiteral(context.cursor, between);
      yield* takeBlanks(context.cursor);
    } else if (beginnings(item) === undefined || !(yield* follows(context.cursor, item))) return true;
  }
}

/** Reads free text. Holds back white space and a possible beginning of a marker until more text arrives; passes on other text at once. */
function* readText(context: ReadContext, part: "content" | "reasoning" | "nothing", until: readonly string[]): Reading {
  const { cursor } = context;
  const watch = createWatch(until);
  if (part !== "nothing") context.enter(part);
  const say = (end: number): void => {
    const text = cursor.text.slice(cursor.at, end);
    cursor.at = end;
    account(cursor);
    if (part !== "nothing" && text !== "") context.say(part, text);
  };
  yield* takeBlanks(cursor);
  for (;;) {
    const found = watch.find(cursor.text, cursor.at, cursor.ended);
    say(withoutBlanks(cursor.text, cursor.at, found.at));
    if (found.text !== undefined) {
      const distance = found.at - cursor.at;
      if (yield* ends(context, found.text, distance)) {
        cursor.at += distance;
        return true;
      }
      say(cursor.at + distance + 1);
      continue;
    }
    if (cursor.ended) {
      cursor.at = found.at;
      account(cursor);
      return until.length === 0;
    }
    yield;
  }
}

/** Whether free text ends at this text. A text that begins an item ends the free text only if the item begins there. */
function* ends({ cursor, opener, isCall }: ReadContext, text: string, distance: number): Reading {
  const item = opener(text);
  return item === undefined ? !isCall(text) : yield* opens(cursor, distance, item);
}

/** The end of the text without trailing white space. A long run of white space counts as text. */
export function withoutBlanks(text: string, from: number, end: number): number {
  let solid = end;
  while (solid > from && isBlank(text.charAt(solid - 1))) solid -= 1;
  return end - solid > maxBlankChars ? end : solid;
}

function* readName({ cursor, call }: ReadContext, until: readonly string[]): Reading {
  const watch = createWatch(until);
  if (call.isTold) call.reset();
  yield* takeBlanks(cursor);
  for (;;) {
    const found = watch.find(cursor.text, cursor.at, cursor.ended);
    const name = cursor.text.slice(cursor.at, found.at).trim();
    if (found.text !== undefined) {
      if (!call.name(name)) return false;
      cursor.at = found.at;
      return true;
    }
    // A name without the text that ends it begins no call: the grammar allows that the answer ends there.
    if (cursor.ended || !call.mayBecomeName(name)) return false;
    yield;
  }
}

/** @param named the texts around the tool's name in the id; undefined if the id has no name */
function* readId(
  { cursor, call }: ReadContext,
  until: readonly string[],
  named: { readonly open: string; readonly close: string } | undefined,
): Reading {
  const watch = createWatch(until);
  if (named !== undefined && call.isTold) call.reset();
  for (;;) {
    const found = watch.find(cursor.text, cursor.at, cursor.ended);
    if (found.text !== undefined) {
      const id = cursor.text.slice(cursor.at, found.at).trim();
      call.id(id);
      cursor.at = found.at;
      return named === undefined || call.name(nameIn(id, named));
    }
    if (cursor.ended || found.at - cursor.at > maxShortValueChars) return false;
    yield;
  }
}

function nameIn(id: string, { open, close }: { readonly open: string; readonly close: string }): string {
  const end = id.lastIndexOf(close);
  return id.slice(id.startsWith(open) ? open.length : 0, end === -1 ? id.length : end);
}
