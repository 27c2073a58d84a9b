// Owns a made-up SentencePiece vocabulary in which any text can be written: bytes, printable characters and words of syllables.

/** llama.cpp's token types, `llama_token_type` in its header llama.h. */
const tokenType = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;

export interface Vocabulary {
  readonly pieces: readonly string[];
  /** Higher ones are merged first. */
  readonly scores: Float32Array;
  readonly types: Int32Array;
}

/** The first three pieces, by their places. */
export const special = { unknown: 0, beginning: 1, end: 2 } as const;
/** SentencePiece's mark for a space, with which a word begins. */
const space = "\u2581";
const consonants = [..."bcdfghjklmnpqrstvwxz"];
const vowels = [..."aeiou"];
const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index));

/**
 * Words are made by adding one letter at a time to a shorter one that is a word too. The tokenizer merges pairs of known pieces, so this
 * is what lets it find a long word at all; and since no other piece is longer than a letter, it finds the same pieces always.
 * @throws Error when `size` does not hold the bytes and characters
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

/** The words with one letter, then those with two …, consonants and vowels in turn: "▁b", "▁ba", "▁bab", "▁baba" … */
function* words(): Generator<string, void> {
  let shorter = [space];
  for (let length = 1; ; length++) {
    const letters = length % 2 === 1 ? consonants : vowels;
    shorter = shorter.flatMap((word) => letters.map((letter) => word + letter));
    yield* shorter;
  }
}
