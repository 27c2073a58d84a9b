// Owns the reading of an object of one string while its JSON still comes: the input of a custom tool, as far as it has been generated.
import { customArgument } from "./tools.ts";

export interface StringArgumentReader {
  /** What this piece of JSON adds to the string; "" while nothing of it is certain. */
  read(json: string): string;
  /** The whole string; of JSON that is something else, the JSON itself. */
  readonly text: string;
}

const opening = new RegExp(`^\\s*\\{\\s*"${customArgument}"\\s*:\\s*"`);
/** A string's end, or an escape that has not come to its own. A high surrogate waits for its other half: alone it is no character. */
const incomplete = /(?:\\(?:u[0-9a-fA-F]{0,3})?|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)$/;

export function createStringArgumentReader(): StringArgumentReader {
  let json = "";
  /** Where the JSON begins that has not been read. */
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
      const said = unescaped(json.slice(at, at + length));
      at += length;
      closed = ends;
      text += said;
      return said;
    },
    get text() {
      return at === undefined ? json : text;
    },
  };
}

/** The inside of a JSON string, unescaped; as it is where it is not valid. */
function unescaped(inside: string): string {
  try {
    return JSON.parse(`"${inside}"`) as string;
  } catch {
    return inside;
  }
}

/** How much of a string's inside can be read by itself, and whether it ends there. */
function readableOf(inside: string): { readonly length: number; readonly ends: boolean } {
  for (let i = 0; i < inside.length; i += 1) {
    if (inside[i] === "\\") i += 1;
    else if (inside[i] === '"') return { length: i, ends: true };
  }
  return { length: inside.length - (trailingEscape(inside)?.length ?? 0), ends: false };
}

/** A backslash that is itself escaped begins nothing. */
function trailingEscape(inside: string): string | undefined {
  const tail = incomplete.exec(inside);
  if (tail === null) return undefined;
  const before = /\\*$/.exec(inside.slice(0, tail.index))?.[0].length ?? 0;
  return before % 2 === 0 ? tail[0] : undefined;
}
