// Finds the end of a JSON value that comes in pieces, by counting brackets and skipping strings. The value is passed on unchanged and is not
// checked.
import { type Cursor, type Reading, takeBlanks } from "../cursor.ts";
import { isMark } from "../marks.ts";

/** Some models write their arguments as a string that contains JSON. Such a string is kept up to this length until it is complete. */
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

/** Reads an object, also one that is JSON text in a string. */
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
  /** The place after the value's end; undefined: it has not ended. */
  feed(text: string, from: number): number | undefined;
  readonly begun: boolean;
  /** A number or a word, which only what follows ends. */
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

  /** Outside of strings: where the value ends, when it does at this character. */
  function structure(char: string, at: number): number | undefined {
    if (char === '"') {
      if (bare) return at;
      inString = true;
      begun = true;
      return undefined;
    }
    if (char === "{" || char === "[") return bare ? at : open();
    if (char === "}" || char === "]") {
      // The bracket of what surrounds a bare number or word: the value ended before it.
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
