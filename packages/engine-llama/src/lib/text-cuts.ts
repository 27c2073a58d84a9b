// Owns where a text may be cut so that its pieces have the tokens of the whole. What the vocabulary says is looked at once.
import type { Token } from "@waggle/engine";
import type { PieceEncoding } from "./token-bytes.ts";

/** The bare tokenizer: it adds nothing, and reads control tokens only when told to. */
export type Tokenize = (text: string, specialTokens: boolean) => Token[];

export interface TextCuts {
  /** Matches where a text may be cut: after the first character. */
  readonly place: RegExp | undefined;
  /** The tokenizer puts a space before whatever it takes for a beginning: a space at the cut is left to it. */
  readonly addsSpace: boolean;
}

export interface CutVocabulary {
  /** As the file has them. */
  readonly pieces: readonly string[];
  readonly encoding: PieceEncoding;
  /** Control and user-defined tokens, which are found before anything else is done. */
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
 * can reach over such a place. Tokenizers merge neighbours into pieces of the vocabulary and into nothing else, so what they do on one side
 * does not depend on the other; and the expressions that split a text before its merges all end a word between a letter and a space.
 */
export function findTextCuts(tokenize: Tokenize, { pieces, encoding, specialTexts }: CutVocabulary): TextCuts {
  const { space, newline } = crossings[encoding];
  const words = tokenize("a b", false);
  const addsSpace = isEqual(words, [...tokenize("a", false), ...tokenize("b", false)]);
  const keepsSpace = isEqual(words, [...tokenize("a", false), ...tokenize(" b", false)]);
  const keepsNewline = isEqual(tokenize("a\nb", false), [...tokenize("a", false), ...tokenize("\nb", false)]);
  const harmless = !specialTexts.some((text) => /^[ \n\u2581]?\p{L}|\p{L}[ \n]/u.test(text));
  const atSpace = harmless && (addsSpace || keepsSpace) && !pieces.some((piece) => space.test(piece));
  const atNewline = harmless && !addsSpace && keepsNewline && !pieces.some((piece) => newline.test(piece));
  const separators = `${atSpace ? " " : ""}${atNewline ? "\n" : ""}`;
  return { place: separators === "" ? undefined : new RegExp(`\\p{L}[${separators}]\\p{L}`, "gu"), addsSpace };
}

function isEqual(as: readonly Token[], bs: readonly Token[]): boolean {
  return as.length === bs.length && as.every((token, i) => bs[i] === token);
}
