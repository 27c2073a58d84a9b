// Caches compiled schemas: agents send the same schemas with every request.
import { createHash } from "node:crypto";

export interface ResultCache<T> {
  get(text: string): T | undefined;
  /** Above `maxBytes` drops the least recently used results, which can be this one. */
  set(text: string, result: T, bytes: number): void;
}

/** Approximate size of an entry without its result. */
const entryBytes = 256;

/** The keys are digests of the texts: the texts may be large, and contain clients' data. */
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
