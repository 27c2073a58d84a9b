// Parses the JSON of a body. First checks depth and number of values, so that later code can recurse into the value safely.
import { WaggleError, bodyLimits } from "@waggle/protocol";

/** @throws WaggleError invalid_argument; the message never quotes the text, since the text contains prompts */
export function parseJson(given: string): unknown {
  // A byte order mark says nothing in UTF-8; RFC 8259 lets a parser ignore it.
  const text = given.startsWith("\uFEFF") ? given.slice(1) : given;
  if (text.trim() === "")
    throw new WaggleError("invalid_argument", "Cannot read the body: it is empty, but must be JSON.");
  const reason = shapeProblem(text);
  if (reason !== undefined) throw new WaggleError("invalid_argument", `Cannot read the body: ${reason}.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser's message quotes the body, so only the position is used.
    const place = /position \d+/.exec(error instanceof Error ? error.message : "")?.[0];
    throw new WaggleError(
      "invalid_argument",
      `Cannot read the body: not JSON${place === undefined ? "" : ` at ${place}`}.`,
    );
  }
}

/** Undefined unless the text is a JSON object. */
export function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

const quote = 0x22;
const backslash = 0x5c;

/**
 * Names the limit of `bodyLimits` that the JSON exceeds, as the end of a sentence. Undefined if the JSON exceeds no limit. If the text is not JSON,
 * the result has no meaning.
 * Depth must have a limit, since `JSON.stringify` and other code recurse into the value. Reads the text once, and stores only a counter per level.
 */
export function shapeProblem(text: string): string | undefined {
  const { depth: deepest, values: most, members: widest } = bodyLimits;
  const members = new Uint32Array(deepest + 1);
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > deepest) return `its JSON is nested more than ${deepest} levels deep, at position ${at}`;
        members[depth] = 0;
        values += 1;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        if (depth > 0) depth -= 1;
        break;
      case 0x2c: // ,
        values += 1;
        break;
      case 0x3a: // :
        members[depth] = (members[depth] ?? 0) + 1;
        if ((members[depth] ?? 0) > widest) return `an object in its JSON has more than ${widest} members`;
        break;
      default:
        continue;
    }
    if (values > most) return `its JSON has more than ${most} values`;
  }
  return undefined;
}

/** Index of the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}
