// Keeps the embeddings of encoded chunks in memory, up to a limit. The embeddings that slots need stay in any case.

export interface EncodedChunk {
  /** The embeddings of all cells, one after the other. */
  readonly values: Float32Array;
  /** With M-RoPE, the positions of the cells, as in `NativeChunk`. */
  readonly places: Int32Array | undefined;
}

export interface EmbeddingStore {
  get(id: string): EncodedChunk | undefined;
  add(id: string, chunk: EncodedChunk): void;
  /** Keeps the embeddings until `release`, also if they come later. */
  hold(id: string): void;
  release(id: string): void;
}

/** @param maxBytes limit for all embeddings together, beyond which those that no slot needs are dropped, least recently used first */
export function createEmbeddingStore(maxBytes: number): EmbeddingStore {
  /** Least recently used first. */
  const kept = new Map<string, EncodedChunk>();
  /** Number of slots that need the embeddings. */
  const holders = new Map<string, number>();
  let bytes = 0;

  function dropUnheld(): void {
    for (const [id, { values }] of kept) {
      if (bytes <= maxBytes) return;
      if (holders.has(id)) continue;
      kept.delete(id);
      bytes -= values.byteLength;
    }
  }

  return {
    get(id) {
      const found = kept.get(id);
      if (found === undefined) return undefined;
      kept.delete(id);
      kept.set(id, found);
      return found;
    },
    add(id, chunk) {
      bytes += chunk.values.byteLength - (kept.get(id)?.values.byteLength ?? 0);
      kept.delete(id);
      kept.set(id, chunk);
      dropUnheld();
    },
    hold: (id) => void holders.set(id, (holders.get(id) ?? 0) + 1),
    release(id) {
      const left = (holders.get(id) ?? 0) - 1;
      if (left > 0) return void holders.set(id, left);
      holders.delete(id);
      dropUnheld();
    },
  };
}
