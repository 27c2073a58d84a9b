// Gives each chunk of a picture the number that its cells have among entries. No number is used twice, so no chunk is taken for another.

/** Limit for the remembered chunks. A chunk that was forgotten gets another number, so that its cells are not found in caches any more. */
const mostChunks = 4_096;

/** Returns the negative number of a chunk. @param id of the chunk */
export type EntryOfChunk = (id: string) => number;

export function createChunkEntries(most = mostChunks): EntryOfChunk {
  /** By chunk, the oldest first. */
  const entries = new Map<string, number>();
  let last = 0;
  return (id) => {
    const entry = entries.get(id) ?? (last -= 1);
    entries.set(id, entry);
    const [oldest = id] = entries.keys();
    if (entries.size > most) entries.delete(oldest);
    return entry;
  };
}
