// Owns what a slot holds: the entries of its KV cache, and the position of the next one.
import { positionBehind, wholeChunks } from "../port/entries.ts";
import type { Held, HeldEntry, PromptChunk } from "../port/kv.ts";
import type { PicturePiece } from "../port/pictures.ts";
import type { Token } from "../port/steps.ts";

export interface HeldList extends Held {
  /** Adds the tokens that a pass feeds. */
  feed(tokens: readonly Token[]): void;
  /** Adds the cells that a pass feeds. */
  feedCells(piece: Pick<PicturePiece, "chunk" | "first" | "count">): void;
  /** Discards all but the first `count` entries. @throws Error when there are fewer, or they end with a part of a chunk, which is a defect of the caller */
  cut(count: number): void;
}

/** @param givenChunks the chunks that the cells among the given entries are of; chunks after these entries are ignored */
export function createHeld(given: readonly HeldEntry[] = [], givenChunks: readonly PromptChunk[] = []): HeldList {
  const entries = [...given];
  const chunks = givenChunks.filter(({ at }) => at < given.length);

  return {
    entries,
    chunks,
    get nextPosition() {
      return positionBehind(chunks, entries.length);
    },
    feed(tokens) {
      for (const token of tokens) entries.push(token);
    },
    feedCells({ chunk, first, count }) {
      if (first === 0) chunks.push({ at: entries.length, chunk });
      for (let index = 0; index < count; index += 1) entries.push(chunk.entry);
    },
    cut(count) {
      if (count > entries.length) throw new Error(`Cannot keep ${count} entries of a slot: it holds ${entries.length}`);
      if (count < entries.length && wholeChunks(chunks, count) < count) {
        throw new Error(`Cannot keep ${count} entries of a slot: they end within a picture`);
      }
      entries.length = count;
      chunks.length = chunks.filter(({ at }) => at < count).length;
    },
  };
}
