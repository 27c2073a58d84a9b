// Finds the places where a text may be cut so that its pieces have the same tokens as the whole. They are derived from the vocabulary once.
import type { Token } from "@waggle/engine";
import type { PieceEncoding } from "./token-bytes.ts";

/** The bare tokenizer: it adds no tokens, and parses control tokens only if requested. */
export type Tokenize = (text: string, specialTokens: boolean) => Token[];

export interface CutPlaces {
  /** Matches a place where a text may be cut: after the match's first character. */
  readonly pattern: RegExp | undefined;
  /** The tokenizer puts a space before the beginning of a text, so a space at the cut is left out. */
  readonly addsSpace: boolean;
}

export interface CutVocabulary {
  /** The vocabulary's pieces as in the file. */
  readonly pieces: readonly string[];
  readonly encoding: PieceEncoding;
  /** Control and user-defined tokens, which the tokenizer finds first. */
  readonly specialTexts: readonly string[];
}

/** A letter, or a byte of one beyond ASCII, then the space or newline, in the alphabets of vocabularies. */
const crossings: Readonly<Record<PieceEncoding, { readonly space: RegExp; readonly newline: RegExp }>> = {
  spaces: { space: /\p{L}[\u2581 ]/u, newline: /\p{L}\n/u },
  bytes: {
    space: /[A-Za-z\u00a1-\u00ff\u0122-\u0143][\u0120 ]/,
    newline: /[A-Za-z\u00a1-\u00ff\u0122-\u0143][\u010a\n]/,
  },
};

/**
 * Between a letter and a space (or newline) before a letter, where no piece of the vocabulary holds a letter and a space after it: no token
 * can reach over such a place. Tokenizers merge neighbours only into pieces of the vocabulary, so the tokens on one side do not depend on the
 * other; and the expressions that split a text before its merges all end a word between a letter and a space.
 */
export function findCutPlaces(tokenize: Tokenize, { pieces, encoding, specialTexts }: CutVocabulary): CutPlaces {
  const { space, newline } = crossings[encoding];
  const words = tokenize("a b", false);
  const addsSpace = isEqual(words, [...tokenize("a", false), ...tokenize("b", false)]);
  const keepsSpace = isEqual(words, [...tokenize("a", false), ...tokenize(" b", false)]);
  const keepsNewline = isEqual(tokenize("a\nb", false), [...tokenize("a", false), ...tokenize("\nb", false)]);
  const harmless = !specialTexts.some((text) => /^[ \n\u2581]?\p{L}|\p{L}[ \n]/u.test(text));
  const atSpace = harmless && (addsSpace || keepsSpace) && !pieces.some((piece) => space.test(piece));
  const atNewline = harmless && !addsSpace && keepsNewline && !pieces.some((piece) => newline.test(piece));
  const separators = `${atSpace ? " " : ""}${atNewline ? "\n" : ""}`;
  return { pattern: separators === "" ? undefined : new RegExp(`\\p{L}[${separators}]\\p{L}`, "gu"), addsSpace };
}

function isEqual(as: readonly Token[], bs: readonly Token[]): boolean {
  return as.length === bs.length && as.every((token, i) => bs[i] === token);
}
