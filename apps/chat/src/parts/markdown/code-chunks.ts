// Owns a code block that grows, as chunks of lines: a chunk that is full is coloured once and never again, and only the last is coloured
// with each change. Chunks that are full at once, as in an answer of yesterday, are coloured in slices of time.

/** Text in one colour; the kind is a CSS class, and undefined is plain. */
export interface Piece {
  readonly text: string;
  readonly kind: Kind | undefined;
}
export type Kind = "keyword" | "string" | "number" | "comment" | "name" | "type" | "added" | "removed";

export interface ColouredLines {
  readonly pieces: readonly Piece[];
  /** Of the language, after these lines. */
  readonly state: unknown;
}

/** A language's. */
export interface Colours {
  /** The state before the first line. */
  begin(): unknown;
  /** These lines after the ones that led to `before`, which is left as it is. */
  lines(text: string, before: unknown): ColouredLines;
}

const chunkLines = 64;
/** A chunk of long lines is full before that. */
const chunkChars = 8_192;

export interface Chunk {
  readonly text: string;
  /** Plain where they are not there yet. */
  readonly pieces: readonly Piece[] | undefined;
}

interface FullChunk extends Chunk {
  /** Of the language after it. */
  readonly state: unknown;
}

export interface CodeChunks {
  /** The same objects for what has not changed. */
  update(code: string): readonly Chunk[];
  /** Colours the next full chunk that has none; whether there was one. */
  colourNext(): boolean;
}

/** @param colours undefined for code that is plain */
export function createCodeChunks(colours: Colours | undefined): CodeChunks {
  let full: (Chunk | FullChunk)[] = [];
  let fullChars = 0;
  let coloured = 0;
  let rest = "";

  function stateBefore(index: number): unknown {
    const before = full[index - 1];
    return before !== undefined && "state" in before ? before.state : colours?.begin();
  }

  /** Chunks whose text is not what it was: an end of the block that came in two pieces was text before. */
  function dropChanged(code: string): void {
    let at = 0;
    const changed = full.findIndex(({ text }) => {
      const same = code.startsWith(text, at);
      at += text.length;
      return !same;
    });
    if (changed < 0) return;
    full = full.slice(0, changed);
    fullChars = full.reduce((sum, { text }) => sum + text.length, 0);
    coloured = Math.min(coloured, changed);
  }

  function last(): Chunk {
    if (colours === undefined || coloured < full.length) return { text: rest, pieces: undefined };
    return { text: rest, pieces: colours.lines(rest, stateBefore(full.length)).pieces };
  }

  function colourNext(): boolean {
    const next = full[coloured];
    if (colours === undefined || next === undefined) return false;
    // The line's end belongs to the chunk, the line after it to the next.
    const { pieces, state } = colours.lines(next.text.slice(0, -1), stateBefore(coloured));
    full[coloured] = { text: next.text, pieces: [...pieces, { text: "\n", kind: undefined }], state };
    coloured += 1;
    return true;
  }

  return {
    update(code) {
      dropChanged(code);
      rest = code.slice(fullChars);
      for (let end = endOfChunk(rest); end !== undefined; end = endOfChunk(rest)) {
        const text = rest.slice(0, end);
        full.push({ text, pieces: undefined });
        fullChars += end;
        rest = rest.slice(end);
      }
      // One that has just become full was coloured as the last one.
      if (full.length === coloured + 1) colourNext();
      return rest === "" ? full.slice() : [...full, last()];
    },
    colourNext,
  };
}

/** Where the lines of a chunk end; undefined while they are fewer. */
function endOfChunk(text: string): number | undefined {
  let end = 0;
  for (let lines = 0; lines < chunkLines && end < chunkChars; lines++) {
    const next = text.indexOf("\n", end);
    if (next < 0) return undefined;
    end = next + 1;
  }
  return end;
}
