// Tokenizes long texts without blocking the thread: in pieces, with a turn of the event loop between two of them.
import { createPace, type Pace } from "@waggle/async";
import type { Token } from "@waggle/engine";
import type { LlamaModel } from "node-llama-cpp";
import { findCutPlaces, type CutPlaces, type Tokenize } from "./cut-places.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface Tokenizer {
  /**
   * The tokens of a text. A text without a place to cut within 16,384 characters, which is rare in any language, is cut between two characters
   * there: then a token that would reach over the cut is missing, and its characters have other tokens.
   */
  tokenize(text: string, specialTokens: boolean): Promise<Token[]>;
  /**
   * The same for text that follows other text. SentencePiece puts a space before the beginning of a text, so the text is tokenized behind a
   * newline, whose tokens are then left out.
   */
  tokenizeRest(text: string): Promise<Token[]>;
  /** The tokenizer puts a space before the beginning of a text. */
  readonly addsSpace: boolean;
  /** Turns of the event loop by characters of work. */
  readonly pace: Pace;
}

/** A piece is cut at the first place after so many characters; tokenizing it takes a few milliseconds. */
const pieceChars = 4_096;
/** Longest piece of a text without spaces, which takes longer to tokenize: 64 KB of `</s>` took 0.2 s. */
const longestPieceChars = 16_384;
/** Cost of calling the tokenizer with a short text, in characters, so that many short texts count as work, too. */
const callChars = 64;
/** Work between two turns of the event loop, of all callers together. */
const turnChars = 8_192;

/** The tokenizer of a loaded model. */
export function tokenizerOf(model: LlamaModel, { pieces, encoding, specialTokens }: Vocabulary): Tokenizer {
  const tokenize = (text: string, special: boolean): Token[] => model.tokenize(text, special);
  const cuts = findCutPlaces(tokenize, { pieces, encoding, specialTexts: specialTokens.map(({ text }) => text) });
  return createTokenizer(tokenize, cuts);
}

export function createTokenizer(tokenizeAtOnce: Tokenize, { pattern, addsSpace }: CutPlaces): Tokenizer {
  const newline = tokenizeAtOnce("\n", true);
  const pace = createPace(turnChars);

  function restAtOnce(text: string): Token[] {
    const tokens = tokenizeAtOnce(`\n${text}`, true);
    return newline.every((token, i) => tokens[i] === token) ? tokens.slice(newline.length) : tokenizeAtOnce(text, true);
  }

  /** Where the piece that begins at `start` ends, and where the next one begins. */
  function nextCut(text: string, start: number): { end: number; next: number; clean: boolean } {
    const { length } = text;
    if (length - start <= pieceChars) return { end: length, next: length, clean: true };
    const most = Math.min(length, start + longestPieceChars);
    if (pattern !== undefined) {
      pattern.lastIndex = start + pieceChars;
      const match = pattern.exec(most < length ? text.slice(0, most) : text);
      if (match !== null) {
        const end = match.index + match[0].search(/[ \n]/);
        return { end, next: addsSpace ? end + 1 : end, clean: true };
      }
    }
    // Never cut between the halves of a surrogate pair.
    const end = most < length && isLowSurrogate(text, most) ? most - 1 : most;
    return { end, next: end, clean: end === length };
  }

  async function inPieces(text: string, begin: (piece: string) => Token[], specialTokens: boolean): Promise<Token[]> {
    const first = nextCut(text, 0);
    await pace(first.end + callChars);
    const tokens = begin(text.slice(0, first.end));
    for (let cut = first; cut.next < text.length;) {
      const { next, clean } = cut;
      cut = nextCut(text, next);
      await pace(cut.end - next + callChars);
      const piece = text.slice(next, cut.end);
      for (const token of clean || !addsSpace ? tokenizeAtOnce(piece, specialTokens) : restAtOnce(piece))
        tokens.push(token);
    }
    return tokens;
  }

  return {
    addsSpace,
    pace,
    tokenize: async (text, specialTokens) =>
      await inPieces(text, (piece) => tokenizeAtOnce(piece, specialTokens), specialTokens),
    tokenizeRest: async (text) => await inPieces(text, restAtOnce, true),
  };
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit < 0xe000;
}
