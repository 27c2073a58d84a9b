// Keeps the text of the answer that has not been read yet. All readers are generators that yield when they need more text, so they are
// written as if the whole answer were available.

/** Yields for more text; returns whether the text was what was looked for. */
export type Reading = Generator<undefined, boolean>;

/** A longer run of white space is text: readers do not wait for a marker after it. */
export const maxBlankChars = 1024;

export interface Cursor {
  /** All text that is still needed. */
  text: string;
  /** Where reading continues in `text`. */
  at: number;
  /** No more text will come. */
  ended: boolean;
  /** Text read since the last `account`, except the part of `text` from `from` to `at`. */
  kept: string;
  from: number;
}

export function createCursor(): Cursor {
  return { text: "", at: 0, ended: false, kept: "", from: 0 };
}

/** Adds text. This invalidates positions in `cursor.text`, so a generator may keep only distances from `cursor.at` across a yield. */
export function feed(cursor: Cursor, text: string): void {
  cursor.kept += cursor.text.slice(cursor.from, cursor.at);
  cursor.text = cursor.text.slice(cursor.at) + text;
  cursor.at = 0;
  cursor.from = 0;
}

/** The text read so far was passed on: it need not be given back. */
export function account(cursor: Cursor): void {
  cursor.kept = "";
  cursor.from = cursor.at;
}

/** The text that was read and never passed on. */
export function takeBack(cursor: Cursor): string {
  const text = cursor.kept + cursor.text.slice(cursor.from, cursor.at);
  account(cursor);
  return text;
}

export const isBlank = (char: string): boolean => char === " " || char === "\n" || char === "\t" || char === "\r";

/** Consumes exactly this text, or nothing. */
export function* takeLiteral(cursor: Cursor, text: string): Reading {
  while (cursor.text.length - cursor.at < text.length) {
    if (cursor.ended || !text.startsWith(cursor.text.slice(cursor.at))) return false;
    yield;
  }
  if (!cursor.text.startsWith(text, cursor.at)) return false;
  cursor.at += text.length;
  return true;
}

/** Consumes white space that is there already; never waits. */
export function dropBlanks(cursor: Cursor): void {
  while (isBlank(cursor.text.charAt(cursor.at))) cursor.at += 1;
}

/** Consumes white space; false at the answer's end. */
export function* takeBlanks(cursor: Cursor): Reading {
  for (;;) {
    dropBlanks(cursor);
    if (cursor.at < cursor.text.length) return true;
    if (cursor.ended) return false;
    yield;
  }
}

/** Whether one of these comes next, white space aside; consumes nothing. */
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

/** Where a text that is watched for begins, or could begin once more has come. */
export interface Found {
  /** The text found; undefined: not found yet. */
  readonly text: string | undefined;
  /** Up to here the text is certainly not there. */
  readonly at: number;
}

export interface Watch {
  /** Looks from here on. With `ended`, nothing is left open. */
  find(text: string, from: number, ended: boolean): Found;
}

/** Searches for any of these texts; the longest match wins. Linear: no text is searched twice, except for the length of a marker. */
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
      // A longer one may still come where a shorter one was found.
      if (match !== null && match.index < undecided) return { text: match[0], at: match.index };
      if (match !== null && match.index === undecided && match[0].length === longest) {
        return { text: match[0], at: match.index };
      }
      return { text: undefined, at: undecided };
    },
  };
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}
