// Reads objects and lists inside a value, as JSON or as Python prints them, `{'a': [True, None]}`, and converts them to JSON while they come.
import type { Cursor, Reading } from "../cursor.ts";
import { isMark } from "../marks.ts";

const words: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };
/** Names and numbers outside of strings are kept up to this length until they end. */
const maxWordChars = 64;

/** Reads one object or list, whose bracket comes next. False: the answer ended before, or it cannot be read on. */
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
  /** What was kept when the text breaks off. */
  rest(): string;
}

function createWriter(): Writer {
  let depth = 0;
  /** The quote that ends the current string; "" outside of strings. */
  let quote = "";
  let escaped = false;
  let word = "";

  function endWord(): string {
    const ended = words[word] ?? word;
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

  /** Undefined: outside of objects and lists, and not taken. */
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

/** A character after a backslash: what JSON does not know is written otherwise. */
function escape(char: string): string {
  if ('"\\/bfnrtu'.includes(char)) return `\\${char}`;
  if (char === "'") return char;
  if (char === "x") return String.raw`\u00`;
  return JSON.stringify(`\\${char}`).slice(1, -1);
}
