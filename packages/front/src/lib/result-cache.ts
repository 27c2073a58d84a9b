// Owns results that were expensive and will be asked for again: agents send the same schemas with every request.
import { createHash } from "node:crypto";

export interface ResultCache<T> {
  get(text: string): T | undefined;
  /** The least recently used go when it is too much; what is larger than everything may be is not kept. */
  set(text: string, result: T, bytes: number): void;
}

/** What an entry costs beside its result, roughly. */
const entryBytes = 256;

/** Keeps a digest of each text, not the text: those may be large, and are not ours to keep. */
export function createResultCache<T>(maxBytes: number): ResultCache<T> {
  /** Least recently used first. */
  const entries = new Map<string, { readonly result: T; readonly bytes: number }>();
  let total = 0;

  function remove(key: string): void {
    total -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  }

  return {
    get(text) {
      const key = digest(text);
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.result;
    },
    set(text, result, bytes) {
      const key = digest(text);
      remove(key);
      entries.set(key, { result, bytes: bytes + entryBytes });
      total += bytes + entryBytes;
      for (const oldest of entries.keys()) {
        if (total <= maxBytes) break;
        remove(oldest);
      }
    },
  };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
