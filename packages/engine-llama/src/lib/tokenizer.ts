// Owns tokenizing long texts without holding everything else up: in pieces, with a turn of the event loop between two of them.
import { createPace, type Pace } from "@waggle/async";
import type { Token } from "@waggle/engine";
import type { TextCuts, Tokenize } from "./text-cuts.ts";

export interface Tokenizer {
  /**
   * The tokens of a text. A text without a place to cut it at within 16,384 characters, which hardly any language writes, is cut between two characters
   * there: then a token may be missing that would have reached over the cut, and its characters have tokens of their own.
   */
  tokenize(text: string, specialTokens: boolean): Promise<Token[]>;
  /**
   * The same for what follows other text. SentencePiece puts a space before whatever it takes for a beginning, so the text follows a
   * newline, whose own tokens are then left out.
   */
  tokenizeRest(text: string): Promise<Token[]>;
  /** It puts a space before whatever it takes for a beginning. */
  readonly addsSpace: boolean;
  /** Of work on so many characters. */
  readonly pace: Pace;
}

/** A piece is cut where it first can be after so many characters; tokenizing it takes a few milliseconds. */
const pieceChars = 4_096;
/** Without spaces it takes longer: 64 KB of `</s>` were 0.2 s. */
const longestPieceChars = 16_384;
/** What a call of the tokenizer costs, however short its text: many short ones are work too. */
const callChars = 64;
/** Work between two turns, of all callers together. */
const turnChars = 8_192;

export function createTokenizer(tokenizeAtOnce: Tokenize, { place, addsSpace }: TextCuts): Tokenizer {
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
    if (place !== undefined) {
      place.lastIndex = start + pieceChars;
      const match = place.exec(most < length ? text.slice(0, most) : text);
      if (match !== null) {
        const end = match.index + match[0].search(/[ \n]/);
        return { end, next: addsSpace ? end + 1 : end, clean: true };
      }
    }
    // Never between the two halves of a pair.
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
