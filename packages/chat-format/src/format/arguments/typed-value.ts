// Converts each piece of a value in plain text to JSON. The value's type comes from the schema, or from the text itself if the schema does not say.
import { type Cursor, type Reading, createWatch, takeBlanks } from "../cursor.ts";
import { spellInJson } from "../marks.ts";
import type { ArgumentsTarget } from "./arguments-reader.ts";
import { pythonWords, readLooseJson } from "./loose-json.ts";
import { type JsonType } from "@waggle/grammar/json-schema";
import { type JsonTypes, isAllowed } from "./schema-types.ts";

/** If a value may be a string or another type, it is held back until its type is certain. A value longer than this is a string. */
export const maxUndecidedChars = 1_048_576;
/** Longest number or word. */
const maxScalarChars = 64;
/** Longest text that `takeUntil` takes, such as a name in a tag. */
const maxTagChars = 512;

export interface ValueEnd {
  /** The marker that ends the value; it is consumed. */
  readonly close: string;
  /** Whether one line break next to a marker belongs to the marker. */
  readonly lines: boolean;
}

/** Reads a value up to its marker. Returns false if the answer ended before the marker. */
export function* readTypedValue(cursor: Cursor, end: ValueEnd, types: JsonTypes, target: ArgumentsTarget): Reading {
  if (types !== undefined && !types.has("string") && (types.has("object") || types.has("array"))) {
    if (!(yield* takeBlanks(cursor))) return false;
    if (isBracket(cursor.text.charAt(cursor.at))) {
      const whole = yield* readLooseJson(cursor, (json) => target.say(spellInJson(json, target.spell)));
      return whole && (yield* takeUntil(cursor, end.close)) !== undefined;
    }
  }
  const value = createTypedText(types, target);
  if (end.lines && (yield* lineBreakNext(cursor))) cursor.at += 1;
  const whole = yield* readText(cursor, end, (text) => value.take(text));
  value.end(whole);
  return whole;
}

interface TypedText {
  take(text: string): void;
  /** @param whole false: the value is incomplete */
  end(whole: boolean): void;
}

function createTypedText(types: JsonTypes, target: ArgumentsTarget): TypedText {
  const inString = (text: string): void => target.say(JSON.stringify(target.spell(text)).slice(1, -1));
  const mayBeString = types === undefined || types.has("string");
  let held = "";
  /** The beginning of `held` without leading white space. Searching all of `held` for every piece would take quadratic time. */
  let head = "";
  let streams = false;

  function stream(): void {
    streams = true;
    target.say('"');
    if (held !== "") inString(held);
  }

  if (mayBeString && types?.size === 1) stream();

  return {
    take(text) {
      if (streams) return inString(text);
      held += text;
      if (head.length <= maxScalarChars) head = (head + text.slice(0, 2 * maxScalarChars)).trimStart();
      if ((mayBeString && !mayBecomeJson(head, types)) || held.length > maxUndecidedChars) stream();
    },
    end(whole) {
      if (streams) {
        if (whole) target.say('"');
      } else if (whole) target.say(jsonOf(target.spell(held), types));
      else if (mayBeString && !isBracket(head.charAt(0))) stream();
      else target.say(held.trim());
    },
  };
}

/** Whether a text with this beginning could be JSON of an allowed type other than string. */
function mayBecomeJson(head: string, types: JsonTypes): boolean {
  const begin = head.trimEnd();
  if (begin === "") return true;
  const may = (...some: readonly JsonType[]): boolean => types === undefined || some.some((one) => types.has(one));
  if (begin.startsWith("{")) return may("object");
  if (begin.startsWith("[")) return may("array");
  if (begin.length > maxScalarChars) return false;
  const words = [...(may("boolean") ? ["true", "false"] : []), ...(may("null") ? ["null"] : [])];
  if (words.some((word) => word.startsWith(begin))) return true;
  return may("number", "integer") && /^-?\d*(?:\.\d*)?(?:[eE][+-]?\d*)?$/.test(begin);
}

/** Writes a complete text as JSON: unchanged if it is JSON of an allowed type, otherwise as a string. */
function jsonOf(text: string, types: JsonTypes): string {
  const trimmed = text.trim();
  const mayBeString = types === undefined || types.has("string");
  try {
    const value: unknown = JSON.parse(trimmed);
    if (!mayBeString || (typeof value !== "string" && isAllowed(value, types))) return trimmed;
  } catch {
    const word = pythonWords.get(trimmed);
    if (word !== undefined && !mayBeString) return word;
  }
  return JSON.stringify(text);
}

const isBracket = (char: string): boolean => char === "{" || char === "[";

function* lineBreakNext(cursor: Cursor): Reading {
  while (cursor.at >= cursor.text.length && !cursor.ended) yield;
  return cursor.text.charAt(cursor.at) === "\n";
}

/** Passes text on up to the marker. Keeps back a possible beginning of the marker, and the line break that belongs to it. */
function* readText(cursor: Cursor, { close, lines }: ValueEnd, take: (text: string) => void): Reading {
  const watch = createWatch([close]);
  for (;;) {
    const found = watch.find(cursor.text, cursor.at, cursor.ended);
    const held = lines && found.at > cursor.at && cursor.text.charAt(found.at - 1) === "\n" ? 1 : 0;
    const piece = cursor.text.slice(cursor.at, found.at - held);
    if (piece !== "") take(piece);
    cursor.at = found.at - held;
    if (found.text !== undefined) {
      cursor.at = found.at + close.length;
      return true;
    }
    if (cursor.ended) return false;
    yield;
  }
}

/** Consumes and returns the text up to a marker, and consumes the marker; undefined if the answer ends before it, or if the text is too long. */
export function* takeUntil(cursor: Cursor, close: string): Generator<undefined, string | undefined> {
  const watch = createWatch([close]);
  for (let taken = ""; ;) {
    const found = watch.find(cursor.text, cursor.at, cursor.ended);
    // The limit cuts at the same position for any division of the answer into pieces.
    const end = Math.min(found.at, cursor.at + maxTagChars + 1 - taken.length);
    taken += cursor.text.slice(cursor.at, end);
    cursor.at = end;
    if (taken.length > maxTagChars) return undefined;
    if (found.text !== undefined) {
      cursor.at += found.text.length;
      return taken;
    }
    if (cursor.ended) return undefined;
    yield;
  }
}
