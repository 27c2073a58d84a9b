// Owns a made-up SentencePiece vocabulary: bytes, printable characters and words of syllables. Can encode any text.
import { tokenType } from "./gguf.ts";

export interface Vocabulary {
  readonly pieces: readonly string[];
  /** The tokenizer merges pairs into pieces with higher scores first. */
  readonly scores: Float32Array;
  readonly types: Int32Array;
}

/** Tokens of the first three pieces. */
export const special = { unknown: 0, beginning: 1, end: 2 } as const;
/** SentencePiece's mark for a space, with which a word begins. */
const space = "\u2581";
const consonants = [..."bcdfghjklmnpqrstvwxz"];
const vowels = [..."aeiou"];
const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index));

/**
 * Each word is a shorter word of the vocabulary plus one letter. The tokenizer merges pairs of known pieces, so it builds a long word letter by
 * letter. All other pieces are single letters, so each text has exactly one tokenization.
 * @throws Error when `size` is too small for the bytes and characters
 */
export function makeVocabulary(size: number): Vocabulary {
  const pieces = ["<unk>", "<s>", "</s>", ...bytes, space, ...printable];
  if (size < pieces.length) throw new Error(`Cannot make a vocabulary of ${size}: it takes at least ${pieces.length}`);
  for (const word of words()) {
    if (pieces.length === size) break;
    pieces.push(word);
  }
  const typeOf = (index: number): number => {
    if (index <= special.end) return index === special.unknown ? tokenType.unknown : tokenType.control;
    return index <= special.end + bytes.length ? tokenType.byte : tokenType.normal;
  };
  return {
    pieces,
    types: Int32Array.from(pieces, (_, index) => typeOf(index)),
    scores: Float32Array.from(pieces, (_, index) => -index),
  };
}

/** All words of one letter, then all words of two letters, and so on, with consonants and vowels in turn: "▁b", "▁ba", "▁bab", "▁baba" … */
function* words(): Generator<string, void> {
  let shorter = [space];
  for (let length = 1; ; length++) {
    const letters = length % 2 === 1 ? consonants : vowels;
    shorter = shorter.flatMap((word) => letters.map((letter) => word + letter));
    yield* shorter;
  }
}
