// Defines the part of the Backend port that embeds and ranks texts.
import type { Pieces } from "./pieces.ts";
import type { Token } from "./steps.ts";

/** Input of an embedding: a text, or tokens of the model. */
export type EmbedInput = string | readonly Token[];

/** Input of a reranking model. */
export interface TextPair {
  readonly query: string;
  readonly document: string;
}

/** Consecutive tokens of a text. */
export interface TextPiece {
  readonly tokens: readonly Token[];
  /** The piece begins a text; an unfinished text before it is dropped. */
  readonly first: boolean;
  readonly last: boolean;
}

/**
 * Computes texts in a separate context, one after the other. An embedding model yields a vector for each text, a reranking
 * model one number for each pair. `feed` is called between steps only, `tokenize` at any time.
 */
export interface Embedder {
  /** Length of a result: the model's width, or 1 for a pair. */
  readonly width: number;
  /** Maximum number of tokens in a text. */
  readonly maxTokens: number;
  /** Maximum number of tokens in a piece; with `mustBeWhole`, a text must fit into one piece. */
  readonly maxPieceTokens: number;
  /** True when a text cannot be cut into pieces. */
  readonly mustBeWhole: boolean;
  /**
   * Tokenizes a text or pair, with the tokens that the model expects before and after a text, and between the two texts of
   * a pair.
   * @param truncateTo length in tokens, at most `maxTokens`, beyond which the input is cut off; a pair loses the end of
   * its document
   * @throws WaggleError invalid_argument when the model has no such token, or a query leaves no room for its document
   */
  tokenize(text: EmbedInput | TextPair, truncateTo?: number, pieces?: Pieces): Promise<readonly Token[]>;
  /**
   * Computes a piece. The last piece yields the result: for a text its vector, of length 1; for a pair a logit, which is
   * higher the better the document fits.
   * @throws WaggleError unavailable when there is no memory for the context, which the first piece opens
   */
  feed(piece: TextPiece): Promise<readonly number[] | undefined>;
}
