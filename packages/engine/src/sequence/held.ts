// Owns what a slot holds: the entries of its KV cache, the position of the next one, and how many of them another job may reuse.
import { positionBehind, wholeChunks } from "../port/entries.ts";
import type { Held, HeldEntry, PromptChunk } from "../port/kv.ts";
import type { PicturePiece } from "../port/pictures.ts";
import type { Token } from "../port/steps.ts";
import type { ContextShift } from "./context-shift.ts";

export interface HeldList extends Held {
  /** The first entries, which no shift has moved. The cache of the others depends on discarded entries, so no other job may use it. */
  readonly reusable: readonly HeldEntry[];
  /** Adds the tokens that a pass feeds. */
  feed(tokens: readonly Token[]): void;
  /** Adds the cells that a pass feeds. */
  feedCells(piece: Pick<PicturePiece, "chunk" | "first" | "count">): void;
  /** Discards all but the first `count` entries. @throws Error when there are fewer, or they end with a part of a chunk, which is a defect of the caller */
  cut(count: number): void;
  /** Discards entries after the head; the entries after them move up. @throws Error when the slot does not hold them, which is a defect of the caller */
  shift(shift: ContextShift): void;
}

/** @param givenChunks the chunks that the cells among the given entries are of; chunks after these entries are ignored */
export function createHeld(given: readonly HeldEntry[] = [], givenChunks: readonly PromptChunk[] = []): HeldList {
  const entries = [...given];
  const chunks = givenChunks.filter(({ at }) => at < given.length);
  /** Number of entries, from the first, that no shift has moved; Infinity without a shift. */
  let unmoved = Infinity;

  return {
    entries,
    chunks,
    get nextPosition() {
      return positionBehind(chunks, entries.length);
    },
    get reusable() {
      return unmoved < entries.length ? entries.slice(0, unmoved) : entries;
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
      if (count <= unmoved) unmoved = Infinity;
    },
    shift({ keep, discard }) {
      // Without its first token, the slot would have to be computed again. Jobs with pictures are never shifted.
      if (keep < 1 || discard < 1 || keep + discard > entries.length || chunks.length > 0) {
        throw new Error(`Cannot discard entries ${keep} to ${keep + discard} of a slot: it holds ${entries.length}`);
      }
      entries.splice(keep, discard);
      unmoved = Math.min(unmoved, keep);
    },
  };
}
