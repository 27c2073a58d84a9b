// Owns a growing code block as chunks of lines: a full chunk is coloured once, and only the last chunk again at each change. Chunks that are
// full from the start, as in a stored answer, are coloured in slices of time.

/** Text in one colour; the kind is a CSS class, and undefined is plain. */
export interface Piece {
  readonly text: string;
  readonly kind: Kind | undefined;
}
export type Kind = "keyword" | "string" | "number" | "comment" | "name" | "type" | "added" | "removed";

export interface ColouredLines {
  readonly pieces: readonly Piece[];
  /** The language's state after these lines. */
  readonly state: unknown;
}

/** Colours lines of one language. */
export interface Colours {
  /** The state before the first line. */
  begin(): unknown;
  /** Colours lines that follow the state `before`, and leaves that state unchanged. */
  lines(text: string, before: unknown): ColouredLines;
}

const chunkLines = 64;
/** Number of characters with which a chunk is full, even if it has fewer lines than `chunkLines`. */
const chunkChars = 8_192;

export interface Chunk {
  readonly text: string;
  /** Undefined until computed; the chunk is plain text until then. */
  readonly pieces: readonly Piece[] | undefined;
}

interface FullChunk extends Chunk {
  /** The language's state after the chunk. */
  readonly state: unknown;
}

export interface CodeChunks {
  /** The chunks of this code. Unchanged chunks are the same objects as before. */
  update(code: string): readonly Chunk[];
  /** Colours the next full chunk without colours. @returns false when all full chunks have colours */
  colourNext(): boolean;
}

/** @param colours undefined for plain code */
export function createCodeChunks(colours: Colours | undefined): CodeChunks {
  let full: (Chunk | FullChunk)[] = [];
  let fullChars = 0;
  let coloured = 0;
  let rest = "";

  function stateBefore(index: number): unknown {
    const before = full[index - 1];
    return before !== undefined && "state" in before ? before.state : colours?.begin();
  }

  /** Drops chunks whose text has changed, because a closing fence that arrives in two pieces counts as text at first. */
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
    // The last line feed ends this chunk; without the slice, `lines` would also colour the empty line after it.
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
      // A chunk that has just become full already had colours as the last chunk. Colour it at once, so that the colours stay.
      if (full.length === coloured + 1) colourNext();
      return rest === "" ? full.slice() : [...full, last()];
    },
    colourNext,
  };
}

/** The end of the first full chunk; undefined if the text does not fill a chunk. */
function endOfChunk(text: string): number | undefined {
  let end = 0;
  for (let lines = 0; lines < chunkLines && end < chunkChars; lines++) {
    const next = text.indexOf("\n", end);
    if (next < 0) return undefined;
    end = next + 1;
  }
  return end;
}
