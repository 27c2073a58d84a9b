// Writes vectors as JSON in pieces, so that no piece delays the streams.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { AppContext } from "../server/context.ts";
import { streamResponse } from "../stream/stream-response.ts";

/** Numbers in a piece: some 15 ms of the event loop. Two million numbers would block all streams for most of a second. */
const numbersPerTurn = 32_768;

export type Vector = readonly number[];

export interface VectorList {
  readonly vectors: readonly Vector[];
  /** Text before the first vector, and after the last one. */
  readonly head: string;
  readonly tail: string;
  /** The JSON of one vector. */
  item(vector: Vector, index: number): string;
}

export function vectorPieces({ vectors, head, tail, item }: VectorList): (() => string)[] {
  const perPiece = Math.max(1, Math.floor(numbersPerTurn / Math.max(1, vectors[0]?.length ?? 1)));
  const count = Math.max(1, Math.ceil(vectors.length / perPiece));
  return Array.from({ length: count }, (_, piece) => () => {
    const from = piece * perPiece;
    const items = vectors.slice(from, from + perPiece).map((vector, i) => item(vector, from + i));
    return (piece === 0 ? head : ",") + items.join(",") + (piece === count - 1 ? tail : "");
  });
}

export function respondWithVectors(c: AppContext, pieces: readonly (() => string)[]): Response {
  const headers = { "content-type": "application/json" };
  const [first, ...rest] = pieces;
  return rest.length === 0 ? c.body(first?.() ?? "", 200, headers) : streamResponse(c, oneEachTurn(pieces), headers);
}

async function* oneEachTurn(pieces: readonly (() => string)[]): AsyncGenerator<string> {
  for (const piece of pieces) {
    yield piece();
    await nextTurn();
  }
}
