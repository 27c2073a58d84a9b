// Owns vectors that mean nothing, for tests and load: the same text gives the same one, however it is cut.
import type { Embedder, TextPiece } from "./backend.ts";
import { emptyContext, extendContext, fakeBeginOfText, tokenizeFakeText } from "./fake-model.ts";

export const fakeVectorWidth = 8;

export interface FakeEmbedderOptions {
  readonly maxTokens: number;
  readonly maxPieceTokens: number;
  /** Each piece waits for it, and may be rejected by it. */
  readonly pause: (piece: TextPiece) => Promise<void>;
}

export function createFakeEmbedder({ maxTokens, maxPieceTokens, pause }: FakeEmbedderOptions): Embedder {
  let hash = emptyContext;
  return {
    maxTokens,
    maxPieceTokens,
    mustBeWhole: false,
    tokenize: (text) => Promise.resolve([fakeBeginOfText, ...tokenizeFakeText(text)]),
    async feed(piece) {
      if (piece.tokens.length === 0 || piece.tokens.length > maxPieceTokens) {
        throw new Error(`Cannot embed on the fake backend: a piece of ${piece.tokens.length} tokens`);
      }
      await pause(piece);
      hash = piece.tokens.reduce(extendContext, piece.first ? emptyContext : hash);
      return piece.last ? vectorOf(hash) : undefined;
    },
  };
}

/** What the fake's vector of a text is. */
export function expectedFakeVector(text: string): readonly number[] {
  return vectorOf([fakeBeginOfText, ...tokenizeFakeText(text)].reduce(extendContext, emptyContext));
}

function vectorOf(hash: number): readonly number[] {
  const values = Array.from({ length: fakeVectorWidth }, (_, i) => extendContext(hash, i) / 2 ** 31 - 1);
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}
