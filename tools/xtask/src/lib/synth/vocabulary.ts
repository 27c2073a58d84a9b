// Owns a made-up SentencePiece vocabulary in which any text can be written: bytes, printable characters and words of syllables.

/** llama.cpp's token types, `llama_token_type` in its header llama.h. */
const tokenType = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;

export interface Vocabulary {
  readonly pieces: readonly string[];
  /** Higher ones are merged first. */
  readonly scores: Float32Array;
  readonly types: Int32Array;
  readonly unknown: number;
  readonly beginning: number;
  readonly end: number;
}

/** SentencePiece's mark for a space, with which a word begins. */
const space = "\u2581";
const consonants = [..."bcdfghjklmnpqrstvwxz"];
const vowels = [..."aeiou"];
const firstPrintable = 33;
const lastPrintable = 126;

/**
 * Words are made by adding one letter at a time to a shorter one that is a word too. The tokenizer merges pairs of known pieces, so this
 * is what lets it find a long word at all; and since no other piece is longer than a letter, it finds the same pieces always.
 * @throws Error when `size` does not hold the bytes and characters
 */
export function makeVocabulary(size: number): Vocabulary {
  const pieces = ["<unk>", "<s>", "</s>"];
  const types: number[] = [tokenType.unknown, tokenType.control, tokenType.control];
  const add = (piece: string, type: number): void => {
    pieces.push(piece);
    types.push(type);
  };
  for (let byte = 0; byte < 256; byte++) {
    add(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, tokenType.byte);
  }
  add(space, tokenType.normal);
  for (let code = firstPrintable; code <= lastPrintable; code++) add(String.fromCharCode(code), tokenType.normal);
  if (size < pieces.length) throw new Error(`Cannot make a vocabulary of ${size}: it takes at least ${pieces.length}`);

  for (const word of words()) {
    if (pieces.length === size) break;
    add(word, tokenType.normal);
  }
  return {
    pieces,
    types: Int32Array.from(types),
    scores: Float32Array.from(pieces, (_, index) => -index),
    unknown: 0,
    beginning: 1,
    end: 2,
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
