// Owns a made-up vocabulary for BERT's tokenizer (WordPiece): printable characters and words of syllables.
import { tokenType } from "./gguf.ts";
import { makeVocabulary, special } from "./random-vocabulary.ts";

/** Tokens of the first five pieces. */
export const wordPieceSpecial = { pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 } as const;
const specialPieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/** Prefix of the pieces that begin a word, in converted files. Pieces without the prefix continue a word. */
const wordStart = "\u2581";

/** @throws Error when `size` is too small for the characters */
export function makeWordPieces(size: number): { readonly pieces: readonly string[]; readonly types: Int32Array } {
  const { pieces: all } = makeVocabulary(size);
  // The tokenizer looks up lower-case text only.
  const characters = all.filter(
    (piece) => [...piece].length === 1 && piece !== wordStart && piece === piece.toLowerCase(),
  );
  const words = all.slice(special.end + 1).filter((piece) => piece.startsWith(wordStart) && piece !== wordStart);
  const starts = new Set([...characters.map((piece) => wordStart + piece), ...words]);
  const pieces = [...specialPieces, ...characters, ...starts].slice(0, size);
  return {
    pieces,
    types: Int32Array.from(pieces, (_, index) => (index < specialPieces.length ? tokenType.control : tokenType.normal)),
  };
}
