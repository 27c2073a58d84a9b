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
  /** The language's state after the chunk; unknown until its colours are computed. */
  readonly state?: unknown;
}

export interface CodeChunks {
  /** The chunks of this code. Unchanged chunks are the same objects as before. */
  update(code: string): readonly Chunk[];
  /** Colours the next full chunk without colours. @returns false when all full chunks have colours */
  colourNext(): boolean;
}

/** @param colours undefined for plain code */
export function createCodeChunks(colours: Colours | undefined): CodeChunks {
  let full: FullChunk[] = [];
  let coloured = 0;

  function stateBefore(index: number): unknown {
    return index === 0 ? colours?.begin() : full[index - 1]?.state;
  }

  function last(text: string): Chunk {
    if (colours === undefined || coloured < full.length) return { text, pieces: undefined };
    return { text, pieces: colours.lines(text, stateBefore(full.length)).pieces };
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
      const { texts, rest } = split(code);
      // The text of a full chunk may change, because a closing fence that arrives in two pieces counts as text at first.
      const changed = full.findIndex(({ text }, i) => text !== texts[i]);
      if (changed >= 0) full = full.slice(0, changed);
      coloured = Math.min(coloured, full.length);
      for (const text of texts.slice(full.length)) full.push({ text, pieces: undefined });
      // A chunk that has just become full already had colours as the last chunk. Colour it at once, so that the colours stay.
      if (full.length === coloured + 1) colourNext();
      return rest === "" ? full.slice() : [...full, last(rest)];
    },
    colourNext,
  };
}

/** The texts of the full chunks, and the rest. */
function split(code: string): { readonly texts: readonly string[]; readonly rest: string } {
  const texts: string[] = [];
  let begin = 0;
  for (let end = 0, lines = 1; (end = code.indexOf("\n", end) + 1) > 0; lines++) {
    if (lines < chunkLines && end - begin < chunkChars) continue;
    texts.push(code.slice(begin, end));
    [begin, lines] = [end, 0];
  }
  return { texts, rest: code.slice(begin) };
}
