// Reads objects and lists in JSON or in Python's notation, `{'a': [True, None]}`, and converts each piece to JSON as it arrives.
import type { Cursor, Reading } from "../cursor.ts";
import { isMark } from "../marks.ts";

/** Python's constants in JSON. */
export const pythonWords: ReadonlyMap<string, string> = new Map([
  ["True", "true"],
  ["False", "false"],
  ["None", "null"],
]);
/** Longest number or word outside of strings. A longer word makes the value unreadable. */
const maxWordChars = 64;

/** Reads the object or list that begins at the cursor. Returns false if the answer ended within it, or if it cannot be read further. */
export function* readLooseJson(cursor: Cursor, say: (json: string) => void): Reading {
  const writer = createWriter();
  for (;;) {
    const end = writer.write(cursor.text, cursor.at);
    cursor.at = end.at;
    if (end.json !== "") say(end.json);
    if (end.state !== "open") return end.state === "whole";
    if (cursor.ended) {
      say(writer.rest());
      return false;
    }
    yield;
  }
}

interface Written {
  readonly json: string;
  readonly at: number;
  readonly state: "open" | "whole" | "broken";
}

interface Writer {
  write(text: string, from: number): Written;
  /** The number or word that was not written yet, for an answer that ends within the value. */
  rest(): string;
}

function createWriter(): Writer {
  let depth = 0;
  /** The quote that ends the current string; "" outside of strings. */
  let quote = "";
  let escaped = false;
  let word = "";

  function endWord(): string {
    const ended = pythonWords.get(word) ?? word;
    word = "";
    return ended;
  }

  function inString(char: string): string {
    if (escaped) {
      escaped = false;
      return escape(char);
    }
    if (char === "\\") {
      escaped = true;
      return "";
    }
    if (char === quote) {
      quote = "";
      return '"';
    }
    return char === '"' || char < " " ? JSON.stringify(char).slice(1, -1) : char;
  }

  /** Handles a character outside of strings. Undefined: no object or list can contain this character. */
  function outside(char: string): string | undefined {
    if (/[\w.+-]/.test(char) && word.length < maxWordChars) {
      word += char;
      return "";
    }
    if (!",: \n\r\t\"'{}[]()".includes(char)) return undefined;
    const before = endWord();
    if (char === '"' || char === "'") {
      quote = char;
      return `${before}"`;
    }
    if ("{[(".includes(char)) depth += 1;
    else if ("}])".includes(char)) depth -= 1;
    return before + ({ "(": "[", ")": "]" }[char] ?? char);
  }

  return {
    write(text, from) {
      let json = "";
      for (let at = from; at < text.length; at += 1) {
        const char = text.charAt(at);
        const written = quote !== "" ? inString(char) : isMark(char) ? undefined : outside(char);
        if (written === undefined) return { json: json + endWord(), at, state: "broken" };
        json += written;
        if (depth === 0 && quote === "") return { json, at: at + 1, state: "whole" };
      }
      return { json, at: text.length, state: "open" };
    },
    rest: endWord,
  };
}

/** Writes a backslash and this character as JSON. Escapes that JSON does not have are converted. */
function escape(char: string): string {
  if ('"\\/bfnrtu'.includes(char)) return `\\${char}`;
  if (char === "'") return char;
  if (char === "x") return String.raw`\u00`;
  return JSON.stringify(`\\${char}`).slice(1, -1);
}
