// Finds the end of a JSON value that comes in pieces, by counting brackets and skipping strings. The value is passed on unchanged and
// unchecked.
import { type Cursor, type Reading, takeBlanks } from "../cursor.ts";
import { isMark } from "../marks.ts";

/** Some models write their arguments as a string that contains JSON. This much of such a string is kept until the string is complete. */
const maxQuotedArgumentsChars = 1_048_576;

/** Reads one value; white space before it is dropped. */
export function* readJson(cursor: Cursor, say: (json: string) => void): Reading {
  if (!(yield* takeBlanks(cursor))) return false;
  const scan = createScan();
  for (;;) {
    const from = cursor.at;
    const end = scan.feed(cursor.text, from);
    cursor.at = end ?? cursor.text.length;
    if (cursor.at > from) say(cursor.text.slice(from, cursor.at));
    if (end !== undefined) return scan.begun;
    if (cursor.ended) return scan.bare;
    yield;
  }
}

/** Reads an object, or a string that contains an object as JSON text. */
export function* readJsonObject(cursor: Cursor, say: (json: string) => void): Reading {
  if (!(yield* takeBlanks(cursor))) return false;
  if (cursor.text.charAt(cursor.at) !== '"') return yield* readJson(cursor, say);
  let quoted = "";
  const whole = yield* readJson(cursor, (json) => {
    if (quoted.length < maxQuotedArgumentsChars) quoted += json;
  });
  say(unquoted(quoted));
  return whole;
}

function unquoted(json: string): string {
  try {
    const text: unknown = JSON.parse(json);
    if (typeof text === "string") {
      JSON.parse(text);
      return text;
    }
  } catch {
    // A string that does not contain JSON is passed on as a string.
  }
  return json;
}

interface Scan {
  /** Returns the position after the value's end; undefined if the value continues. */
  feed(text: string, from: number): number | undefined;
  readonly begun: boolean;
  /** Whether the value is a number or a word. The end of such a value is known only when the next character arrives. */
  readonly bare: boolean;
}

function createScan(): Scan {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let begun = false;
  let bare = false;

  function open(): undefined {
    depth += 1;
    begun = true;
  }

  /** Handles a character outside of strings. Returns the position of the value's end, if this character ends the value. */
  function structure(char: string, at: number): number | undefined {
    if (char === '"') {
      if (bare) return at;
      inString = true;
      begun = true;
      return undefined;
    }
    if (char === "{" || char === "[") return bare ? at : open();
    if (char === "}" || char === "]") {
      // This bracket closes the surrounding value: the number or word ended before the bracket.
      if (depth === 0) return at;
      depth -= 1;
      return depth === 0 ? at + 1 : undefined;
    }
    if (isMark(char)) return at;
    if (depth > 0) return undefined;
    if (char === "," || char === "<" || char.trim() === "") return begun ? at : undefined;
    begun = true;
    bare = true;
    return undefined;
  }

  return {
    feed(text, from) {
      for (let at = from; at < text.length; at += 1) {
        const char = text.charAt(at);
        if (!inString) {
          const end = structure(char, at);
          if (end !== undefined) return end;
        } else if (escaped) escaped = false;
        else if (char === "\\") escaped = true;
        else if (char === '"') {
          inString = false;
          if (depth === 0) return at + 1;
        }
      }
      return undefined;
    },
    get begun() {
      return begun;
    },
    get bare() {
      return bare;
    },
  };
}
