// Functions on the entries of a prompt or a slot: tokens and cells of pictures. A picture's chunk is kept or dropped as a whole. Pure.
import type { Entries, HeldEntry, PromptChunk } from "./kv.ts";
import type { PictureChunk } from "./pictures.ts";
import type { Token } from "./steps.ts";

export function isCell(entry: HeldEntry | undefined): boolean {
  return entry !== undefined && entry < 0;
}

export function entryTokens(entries: readonly HeldEntry[]): Token[] {
  return entries.filter((entry) => !isCell(entry));
}

/** Returns the tokens, and the cells of the chunks in their places. */
export function withCells(parts: readonly (Token | PictureChunk)[]): Entries {
  const entries: HeldEntry[] = [];
  const chunks: PromptChunk[] = [];
  for (const part of parts) {
    if (typeof part === "number") entries.push(part);
    else {
      chunks.push({ at: entries.length, chunk: part });
      for (let index = 0; index < part.cells; index += 1) entries.push(part.entry);
    }
  }
  return { entries, chunks };
}

export function firstEntries({ entries, chunks }: Entries, count: number): Entries {
  return { entries: entries.slice(0, count), chunks: chunks.filter(({ at }) => at < count) };
}

/** Whether there are pictures among the entries from `from` up to, not including, `to`. */
export function hasPictures(chunks: readonly PromptChunk[], from: number, to: number): boolean {
  return chunks.some(({ at, chunk }) => at < to && at + chunk.cells > from);
}

/** Returns the position after the first `count` entries. The first cell of a chunk takes the positions of the whole chunk. */
export function positionBehind(chunks: readonly PromptChunk[], count: number): number {
  let position = count;
  for (const { at, chunk } of chunks) if (at < count) position += chunk.positions - Math.min(chunk.cells, count - at);
  return position;
}

/** Returns the largest number of first entries that take at most this many positions and end with no part of a chunk. */
export function entriesWithin(chunks: readonly PromptChunk[], positions: number): number {
  let count = positions;
  for (const { at, chunk } of chunks) {
    if (count < at + chunk.positions) return Math.min(count, at);
    count += chunk.cells - chunk.positions;
  }
  return count;
}

/** Returns `count`, or the start of the chunk that the first `count` entries hold only in part. */
export function wholeChunks(chunks: readonly PromptChunk[], count: number): number {
  return chunks.find(({ at, chunk }) => at < count && count < at + chunk.cells)?.at ?? count;
}
