// Reads the input of a custom tool during generation: the string in an object like {"input": "..."}, whose JSON arrives in pieces.
import { customArgument } from "../../conversation/parts.ts";

export interface StringArgumentReader {
  /** The text that this piece of JSON adds to the string; "" if the text depends on the next piece. */
  read(json: string): string;
  /** The whole string; if the JSON is not such an object, the JSON. */
  readonly text: string;
}

const opening = new RegExp(`^\\s*\\{\\s*"${customArgument}"\\s*:\\s*"`);
/** An incomplete escape at the end of the text. An escaped high surrogate is incomplete until its low surrogate follows. */
const incomplete = /(?:\\(?:u[0-9a-fA-F]{0,3})?|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)$/;

export function createStringArgumentReader(): StringArgumentReader {
  let json = "";
  /** Start of the unread JSON; undefined until the string has started. */
  let at: number | undefined;
  let text = "";
  let closed = false;

  return {
    read(piece) {
      json += piece;
      if (at === undefined) {
        at = opening.exec(json)?.[0].length;
        if (at === undefined) return "";
      }
      if (closed) return "";
      const { length, ends } = readableOf(json.slice(at));
      const added = unescaped(json.slice(at, at + length));
      at += length;
      closed = ends;
      text += added;
      return added;
    },
    get text() {
      return at === undefined ? json : text;
    },
  };
}

/** Unescapes the inside of a JSON string; returns invalid text unchanged. */
function unescaped(inside: string): string {
  try {
    return JSON.parse(`"${inside}"`) as string;
  } catch {
    return inside;
  }
}

/** Length of the inside up to the end of the string, or up to an incomplete escape. */
function readableOf(inside: string): { readonly length: number; readonly ends: boolean } {
  for (let i = 0; i < inside.length; i += 1) {
    if (inside[i] === "\\") i += 1;
    else if (inside[i] === '"') return { length: i, ends: true };
  }
  return { length: inside.length - (trailingEscape(inside)?.length ?? 0), ends: false };
}

/** The incomplete escape at the end, if any. An escaped backslash starts no escape. */
function trailingEscape(inside: string): string | undefined {
  const tail = incomplete.exec(inside);
  if (tail === null) return undefined;
  const before = /\\*$/.exec(inside.slice(0, tail.index))?.[0].length ?? 0;
  return before % 2 === 0 ? tail[0] : undefined;
}
