// Functions on the entries of a prompt or a slot: tokens and cells of pictures. A picture's chunk is kept or dropped as a whole. Pure.
import type { HeldEntry } from "./kv.ts";
import type { PictureCell, PictureChunk } from "./pictures.ts";
import type { Token } from "./steps.ts";

/** A chunk in a prompt, and the index of its first cell. */
export interface PromptChunk {
  readonly at: number;
  readonly chunk: PictureChunk;
}

export function isCell(entry: HeldEntry | undefined): entry is PictureCell {
  return typeof entry === "object";
}

export function isSameEntry(a: HeldEntry | undefined, b: HeldEntry | undefined): boolean {
  return a === b || (isCell(a) && isCell(b) && a.index === b.index && a.chunk.id === b.chunk.id);
}

export function tokensOf(entries: readonly HeldEntry[]): Token[] {
  return entries.filter((entry): entry is Token => !isCell(entry));
}

export function cellsOf(chunk: PictureChunk): PictureCell[] {
  return Array.from({ length: chunk.cells }, (_, index) => ({ chunk, index }));
}

export function chunksOf(entries: readonly HeldEntry[]): readonly PromptChunk[] {
  const chunks: PromptChunk[] = [];
  for (const [at, entry] of entries.entries())
    if (isCell(entry) && entry.index === 0) chunks.push({ at, chunk: entry.chunk });
  return chunks;
}

/** Whether there are pictures among the entries from `from` up to, not including, `to`. */
export function hasPictures(entries: readonly HeldEntry[], from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (isCell(entries[at])) return true;
  return false;
}

/** Positions that an entry takes. The first cell of a chunk takes those of the whole chunk. */
export function positionsOf(entry: HeldEntry): number {
  if (!isCell(entry)) return 1;
  return entry.index === 0 ? entry.chunk.positions : 0;
}

/** Returns the position behind the first `count` entries. */
export function positionBehind(entries: readonly HeldEntry[], count: number): number {
  let position = 0;
  for (let at = 0; at < count; at += 1) position += positionsOf(entries[at] ?? 0);
  return position;
}

/** Returns the largest number of first entries that take at most this many positions and end with no part of a chunk. */
export function entriesWithin(entries: readonly HeldEntry[], positions: number): number {
  let position = 0;
  let at = 0;
  for (; at < entries.length; at += 1) {
    position += positionsOf(entries[at] ?? 0);
    if (position > positions) break;
  }
  return wholeChunks(entries, at);
}

/** Returns `count`, or the start of the chunk that the first `count` entries hold only in part. */
export function wholeChunks(entries: readonly HeldEntry[], count: number): number {
  const last = entries[count - 1];
  return isCell(last) && last.index < last.chunk.cells - 1 ? count - 1 - last.index : count;
}
