// Owns a made-up vocabulary of word pieces, as BERT's tokenizer has them: printable characters, and words of syllables.
import { makeVocabulary, special } from "./random-vocabulary.ts";

/** llama.cpp's token types, `llama_token_type` in its header llama.h. */
const tokenType = { normal: 1, control: 3 } as const;

/** By their places. */
export const wordPieceSpecial = { pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 } as const;
const specialPieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/** What converted files put before the piece that begins a word; the others continue one. */
const wordStart = "\u2581";

/** @throws Error when `size` does not hold the characters */
export function makeWordPieces(size: number): { readonly pieces: readonly string[]; readonly types: Int32Array } {
  const { pieces: all } = makeVocabulary(size);
  // The tokenizer looks for lower-case text only.
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
