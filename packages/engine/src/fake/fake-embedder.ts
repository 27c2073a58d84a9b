// Owns an Embedder for tests and load tests. Vectors are hashes, so the same text gives the same vector, however the text is cut into pieces. A
// pair's score counts the query's words that the document has.
import { WaggleError } from "@waggle/protocol";
import type { Token } from "../port/steps.ts";
import type { EmbedInput, Embedder, TextPair, TextPiece } from "../port/texts.ts";
import { queryTooLong } from "../port/prompt-length.ts";
import {
  emptyContext,
  extendContext,
  fakeBeginOfText,
  fakeTokenBytes,
  fakeVocabularySize,
  tokenizeFakeText,
} from "./fake-model.ts";

export const fakeVectorWidth = 8;
/** Separates a query from its document. */
const separator = "\n";

export interface FakeEmbedderOptions {
  readonly maxTokens: number;
  readonly maxPieceTokens: number;
  /** Rank pairs instead of embedding texts. */
  readonly ranks: boolean;
  /** Each piece waits for this promise; a rejection fails the piece. */
  readonly pause: (piece: TextPiece) => Promise<void>;
}

export function createFakeEmbedder(options: FakeEmbedderOptions): Embedder {
  const { maxTokens, maxPieceTokens, ranks, pause } = options;
  let fed: Token[] = [];

  async function feed(piece: TextPiece): Promise<readonly number[] | undefined> {
    if (piece.tokens.length === 0 || piece.tokens.length > maxPieceTokens) {
      throw new Error(`Cannot embed on the fake backend: a piece of ${piece.tokens.length} tokens`);
    }
    await pause(piece);
    fed = [...(piece.first ? [] : fed), ...piece.tokens];
    if (!piece.last) return undefined;
    return ranks ? [logitOf(fed)] : vectorOf(fed.reduce(extendContext, emptyContext));
  }

  return {
    width: ranks ? 1 : fakeVectorWidth,
    maxTokens,
    maxPieceTokens,
    mustBeWhole: false,
    tokenize: async (text, truncateTo) => {
      const tokens = embedInputTokens(text);
      if (truncateTo === undefined) return tokens;
      if (typeof text === "object" && "query" in text) {
        const least = embedInputTokens({ query: text.query, document: "" }).length + 1;
        if (least > maxTokens) throw queryTooLong(least, maxTokens);
      }
      return tokens.slice(0, Math.min(truncateTo, maxTokens));
    },
    feed,
  };
}

export function expectedFakeVector(text: EmbedInput): readonly number[] {
  return vectorOf(embedInputTokens(text).reduce(extendContext, emptyContext));
}

export function expectedFakeLogit(query: string, document: string): number {
  return logitOf(embedInputTokens({ query, document }));
}

function embedInputTokens(text: EmbedInput | TextPair): Token[] {
  if (typeof text === "string") return [fakeBeginOfText, ...tokenizeFakeText(text)];
  if ("query" in text) return [fakeBeginOfText, ...tokenizeFakeText(`${text.query}${separator}${text.document}`)];
  const unknown = text.find((token) => token >= fakeVocabularySize);
  if (unknown === undefined) return [...text];
  throw new WaggleError("invalid_argument", `Cannot embed token ${unknown}: the model has no such token.`);
}

function vectorOf(hash: number): readonly number[] {
  const values = Array.from({ length: fakeVectorWidth }, (_, i) => extendContext(hash, i) / 2 ** 31 - 1);
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

/** Returns the number of the query's words that the document has, minus the number that it lacks. */
function logitOf(tokens: readonly Token[]): number {
  const bytes = Uint8Array.from(tokens.flatMap((token) => [...fakeTokenBytes(token)]));
  const [query = "", document = ""] = new TextDecoder().decode(bytes).split(separator);
  const lowerCaseWords = (text: string): string[] =>
    text
      .toLowerCase()
      .split(/\W+/)
      .filter((word) => word !== "");
  const words = lowerCaseWords(query);
  const found = new Set(lowerCaseWords(document));
  return words.reduce((sum, word) => sum + (found.has(word) ? 1 : -1), 0);
}
