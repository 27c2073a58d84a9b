// Tokenizes long texts in pieces, with turns of the event loop between them, so that the thread is not blocked.
import type { Pace } from "@waggle/async";
import type { Token } from "@waggle/engine";
import type { LlamaModel } from "node-llama-cpp";
import { findCutPlaces, type CutPlaces, type Tokenize } from "./cut-places.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface Tokenizer {
  /**
   * Tokenizes a text. If 16,384 characters have no place to cut, which is rare in any language, the text is cut there between two characters. The
   * tokens next to this cut can differ from those of the whole text.
   * @param pace receives the characters of each piece
   * @param known the tokens of earlier pieces, by text. New pieces are added, unless they are short
   */
  tokenize(text: string, specialTokens: boolean, pace: Pace, known?: Map<string, readonly Token[]>): Promise<Token[]>;
  /**
   * Tokenizes a text that follows other text, without the space that SentencePiece puts before a text. For this, the text is tokenized after a
   * newline, whose tokens are then removed.
   */
  tokenizeRest(text: string, pace: Pace): Promise<Token[]>;
  /** Whether the tokenizer puts a space before a text. */
  readonly addsSpace: boolean;
}

interface PieceOptions {
  readonly pace: Pace;
  readonly specialTokens: boolean;
  /** Tokenizes the first piece. */
  readonly begin: (piece: string) => Token[];
  readonly known?: Map<string, readonly Token[]> | undefined;
}

/** A piece ends at the first possible place after this many characters. Tokenizing it takes a few milliseconds. */
const pieceChars = 4_096;
/** Longest piece. Text without spaces takes longer to tokenize: 64 KB of `</s>` took 0.2 s. */
const longestPieceChars = 16_384;
/** Work of a call of the tokenizer, in characters: many short texts are work, too. */
const callChars = 64;

export function tokenizerOf(model: LlamaModel, { pieces, encoding, specialTokens }: Vocabulary): Tokenizer {
  const tokenize = (text: string, special: boolean): Token[] => model.tokenize(text, special);
  const cuts = findCutPlaces(tokenize, { pieces, encoding, specialTexts: specialTokens.map(({ text }) => text) });
  return createTokenizer(tokenize, cuts);
}

export function createTokenizer(tokenizeAtOnce: Tokenize, { pattern, addsSpace }: CutPlaces): Tokenizer {
  const newline = tokenizeAtOnce("\n", true);

  function restAtOnce(text: string, specialTokens: boolean): Token[] {
    const tokens = tokenizeAtOnce(`\n${text}`, specialTokens);
    const isApart = newline.every((token, i) => tokens[i] === token);
    return isApart ? tokens.slice(newline.length) : tokenizeAtOnce(text, specialTokens);
  }

  /** @returns the end of the piece that begins at `start`, the beginning of the next piece, and whether the cut changes no tokens */
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

  async function inPieces(text: string, { pace, specialTokens, begin, known }: PieceOptions): Promise<Token[]> {
    /** Tokenizes one piece, unless its tokens are known. */
    async function tokensOf(piece: string, compute: (piece: string) => Token[]): Promise<readonly Token[]> {
      const found = known?.get(piece);
      await pace(found === undefined ? piece.length + callChars : callChars);
      const tokens = found ?? compute(piece);
      if (piece.length >= pieceChars) known?.set(piece, tokens);
      return tokens;
    }

    const first = nextCut(text, 0);
    const tokens = [...(await tokensOf(text.slice(0, first.end), begin))];
    for (let cut = first; cut.next < text.length;) {
      const { next, clean } = cut;
      cut = nextCut(text, next);
      const compute = clean || !addsSpace ? tokenizeAtOnce : restAtOnce;
      for (const token of await tokensOf(text.slice(next, cut.end), (piece) => compute(piece, specialTokens)))
        tokens.push(token);
    }
    return tokens;
  }

  return {
    addsSpace,
    tokenize: async (text, specialTokens, pace, known) =>
      await inPieces(text, { pace, specialTokens, begin: (piece) => tokenizeAtOnce(piece, specialTokens), known }),
    tokenizeRest: async (text, pace) =>
      await inPieces(text, { pace, specialTokens: true, begin: (piece) => restAtOnce(piece, true) }),
  };
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit < 0xe000;
}
