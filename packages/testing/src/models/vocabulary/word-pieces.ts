// Owns a made-up vocabulary for BERT's tokenizer (WordPiece): printable characters and words of syllables.
import { tokenType } from "../gguf.ts";
import { madeUpWords } from "./made-up-words.ts";

/** Tokens of the first five pieces. */
export const wordPieceSpecial = { pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 } as const;
const specialPieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/** Prefix of the pieces that begin a word, in converted files. Pieces without the prefix continue a word. */
const wordStart = "\u2581";
/** Printable characters. The tokenizer looks up lower-case text only. */
const characters = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).filter(
  (character) => character === character.toLowerCase(),
);

/** @throws Error when `size` is too small for the characters */
export function makeWordPieces(size: number): { readonly pieces: readonly string[]; readonly types: Int32Array } {
  const pieces = new Set([...specialPieces, ...characters, ...characters.map((character) => wordStart + character)]);
  if (size < pieces.size) throw new Error(`Cannot make a vocabulary of ${size}: it takes at least ${pieces.size}`);
  for (const word of madeUpWords(wordStart)) {
    if (pieces.size === size) break;
    pieces.add(word);
  }
  return {
    pieces: [...pieces],
    types: Int32Array.from({ length: size }, (_, index) =>
      index < specialPieces.length ? tokenType.control : tokenType.normal,
    ),
  };
}
