// Owns the text of the answer that is not read yet. All readers are generators that yield when they need more text, so that their code is
// written as if the whole answer were available.

/** A reader: yields for more text, and returns whether the text matched. */
export type Reading = Generator<undefined, boolean>;

/** Longest white space before a marker. Readers treat a longer run as text, and do not wait for a marker after it. */
export const maxBlankChars = 1024;

export interface Cursor {
  /** The text that is still needed. */
  text: string;
  /** Position in `text` where reading continues. */
  at: number;
  /** No more text will come. */
  ended: boolean;
  /** Text that was read since the last `account` and is no longer in `text`. */
  kept: string;
  /** The part of `text` from here to `at` was also read since the last `account`. */
  from: number;
}

export function createCursor(): Cursor {
  return { text: "", at: 0, ended: false, kept: "", from: 0 };
}

/** Adds text. Positions in `cursor.text` change, so a generator may keep only distances from `cursor.at` across a yield. */
export function feed(cursor: Cursor, text: string): void {
  cursor.kept += cursor.text.slice(cursor.from, cursor.at);
  cursor.text = cursor.text.slice(cursor.at) + text;
  cursor.at = 0;
  cursor.from = 0;
}

/** Records that the text read so far was passed on, so that `takeBack` does not return it. */
export function account(cursor: Cursor): void {
  cursor.kept = "";
  cursor.from = cursor.at;
}

/** Returns the text that was read but not passed on. */
export function takeBack(cursor: Cursor): string {
  const text = cursor.kept + cursor.text.slice(cursor.from, cursor.at);
  account(cursor);
  return text;
}

export const isBlank = (char: string): boolean => char === " " || char === "\n" || char === "\t" || char === "\r";

/** Consumes this text if all of it comes next, otherwise nothing. */
export function* takeLiteral(cursor: Cursor, text: string): Reading {
  while (cursor.text.length - cursor.at < text.length) {
    if (cursor.ended || !text.startsWith(cursor.text.slice(cursor.at))) return false;
    yield;
  }
  if (!cursor.text.startsWith(text, cursor.at)) return false;
  cursor.at += text.length;
  return true;
}

/** Consumes the white space that has already arrived, without waiting for more. */
export function dropBlanks(cursor: Cursor): void {
  while (isBlank(cursor.text.charAt(cursor.at))) cursor.at += 1;
}

/** Consumes white space, and waits for text after the white space. Returns false at the end of the answer. */
export function* takeBlanks(cursor: Cursor): Reading {
  for (;;) {
    dropBlanks(cursor);
    if (cursor.at < cursor.text.length) return true;
    if (cursor.ended) return false;
    yield;
  }
}

/** Whether one of these texts comes next, after optional white space. Consumes nothing. */
export function* isNext(cursor: Cursor, texts: readonly string[]): Reading {
  let blanks = 0;
  for (;;) {
    while (isBlank(cursor.text.charAt(cursor.at + blanks)) && blanks < maxBlankChars) blanks += 1;
    const from = cursor.at + blanks;
    if (texts.some((text) => cursor.text.startsWith(text, from))) return true;
    const rest = cursor.text.slice(from);
    if (cursor.ended || blanks === maxBlankChars || !texts.some((text) => text.startsWith(rest))) return false;
    yield;
  }
}

/** Position where a watched text begins, or where it could begin when more text arrives. */
export interface Found {
  /** The text that was found; undefined if no text was found yet. */
  readonly text: string | undefined;
  /** No watched text begins before this position. */
  readonly at: number;
}

export interface Watch {
  /** Searches from this position. With `ended`, no more text follows, so that the result is final. */
  find(text: string, from: number, ended: boolean): Found;
}

/** Searches for any of these texts; the longest match wins. Takes linear time: a call searches at most a marker's length of text a second time. */
export function createWatch(texts: readonly string[]): Watch {
  const sorted = [...new Set(texts)].filter((text) => text !== "").toSorted((a, b) => b.length - a.length);
  const pattern = new RegExp(sorted.map(escaped).join("|"), "g");
  const longest = sorted[0]?.length ?? 0;

  function open(text: string, from: number): number {
    for (let at = Math.max(from, text.length - longest + 1); at < text.length; at += 1) {
      if (sorted.some((one) => one.length > text.length - at && text.endsWith(one.slice(0, text.length - at))))
        return at;
    }
    return text.length;
  }

  return {
    find(text, from, ended) {
      if (sorted.length === 0) return { text: undefined, at: text.length };
      pattern.lastIndex = from;
      const match = pattern.exec(text);
      const undecided = ended ? text.length : open(text, from);
      // More text could turn a short match into a longer one.
      if (match !== null && match.index < undecided) return { text: match[0], at: match.index };
      if (match !== null && match.index === undecided && match[0].length === longest) {
        return { text: match[0], at: match.index };
      }
      return { text: undefined, at: undecided };
    },
  };
}

/** The text as a regular expression that matches it. */
export function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}
