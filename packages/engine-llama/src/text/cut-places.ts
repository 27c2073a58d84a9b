// Finds out where a text may be cut so that its pieces have the same tokens as the whole text. This depends on the vocabulary only.
import type { Token } from "@waggle/engine";
import type { PieceEncoding } from "./token-bytes.ts";

/** Tokenizes a text, without BOS or other added tokens. @param specialTokens whether to parse control tokens */
export type Tokenize = (text: string, specialTokens: boolean) => Token[];

export interface CutPlaces {
  /** A text may be cut after the first character of each match. Undefined if it may be cut nowhere. */
  readonly pattern: RegExp | undefined;
  /** Whether the tokenizer puts a space before a text. A space at the cut then has to be left out. */
  readonly addsSpace: boolean;
}

export interface CutVocabulary {
  /** Texts of all tokens, as in the file. */
  readonly pieces: readonly string[];
  readonly encoding: PieceEncoding;
  /** Texts of control and user-defined tokens, which the tokenizer finds first. */
  readonly specialTexts: readonly string[];
}

/** Match a letter, or a byte of a letter beyond ASCII, before a space or newline, in each encoding of pieces. */
const crossings: Readonly<Record<PieceEncoding, { readonly space: RegExp; readonly newline: RegExp }>> = {
  spaces: { space: /\p{L}[\u2581 ]/u, newline: /\p{L}\n/u },
  bytes: {
    space: /[A-Za-z\u00a1-\u00ff\u0122-\u0143][\u0120 ]/,
    newline: /[A-Za-z\u00a1-\u00ff\u0122-\u0143][\u010a\n]/,
  },
};

/**
 * A text may be cut before a space (or newline) between two letters, if no piece of the vocabulary contains a letter with a space after it: no token
 * can then contain both sides of the cut. Tokenizers only merge neighbours into pieces of the vocabulary, so the tokens on one side do not depend
 * on the other side. And all expressions that split a text before its merges end a word between a letter and a space.
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
