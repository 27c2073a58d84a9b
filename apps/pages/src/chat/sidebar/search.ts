// Owns finding words in a text. Case and accents make no difference. Pure.

export interface Found {
  /** The hit, with some words around it. */
  readonly before: string;
  readonly match: string;
  readonly after: string;
}

const charsBefore = 24;
const charsAfter = 60;
const marks = /\p{M}+/gu;

/** The text without accents and in lower case, for comparisons. */
export function folded(text: string): string {
  return text.normalize("NFD").replaceAll(marks, "").toLowerCase();
}

/** The first hit of a text. @param wanted folded, and not empty */
export function findIn(text: string, wanted: string): Found | undefined {
  const at = folded(text).indexOf(wanted);
  if (at < 0) return undefined;
  const start = offsetIn(text, at, 0);
  const end = offsetIn(text, at + wanted.length, start);
  const from = Math.max(0, start - charsBefore);
  const to = Math.min(text.length, end + charsAfter);
  return {
    before: `${from > 0 ? "…" : ""}${text.slice(from, start)}`,
    match: text.slice(start, end),
    after: `${text.slice(end, to)}${to < text.length ? "…" : ""}`,
  };
}

/**
 * The index in the text at which the folded form of the text before the index has this length.
 * @param from an earlier index, at which the count begins
 */
function offsetIn(text: string, foldedLength: number, from: number): number {
  let offset = from;
  let length = from === 0 ? 0 : folded(text.slice(0, from)).length;
  for (const char of text.slice(from)) {
    // A combining mark belongs to the letter before it.
    if (length >= foldedLength && folded(char) !== "") return offset;
    length += folded(char).length;
    offset += char.length;
  }
  return offset;
}
