// Keeps the index of KV snapshots: which prefixes exist, and which snapshots are evicted for a new one. The index knows no file and no slot.
import { createHoldings } from "@waggle/async";
import type { HeldEntry, KvSnapshot } from "../port/kv.ts";
import { clientOf } from "../port/cache-scope.ts";
import { commonPrefix } from "./common-prefix.ts";

export interface PrefixMatch {
  readonly state: KvSnapshot;
  /** Number of first tokens that the prompt and the snapshot share. */
  readonly length: number;
}

export interface KvIndex {
  /** Total bytes of all snapshots. */
  readonly bytes: number;
  readonly count: number;
  /**
   * Returns the snapshots of this scope that share a prefix with this prompt, and the length of each prefix. Sorted: shortest
   * prefix first, then smallest snapshot.
   */
  matches(prompt: readonly HeldEntry[], cacheScope: string): readonly PrefixMatch[];
  /**
   * Adds a snapshot that was just saved.
   * @returns the evicted snapshots: prefixes of the new snapshot, and beyond `maxBytes` the least recently used snapshots of the client with the most bytes,
   * which may include the new one
   */
  add(state: KvSnapshot): readonly KvSnapshot[];
  /** Records that a snapshot was used, so that it is evicted last. */
  touch(state: KvSnapshot): void;
  remove(state: KvSnapshot): void;
}

export function createKvIndex(maxBytes: number): KvIndex {
  /** Least recently used first. */
  const states = createHoldings<KvSnapshot>();

  function ofScope(cacheScope: string): KvSnapshot[] {
    return [...states].filter((state) => state.cacheScope === cacheScope);
  }

  return {
    get bytes() {
      return states.size;
    },
    get count() {
      return [...states].length;
    },
    matches(prompt, cacheScope) {
      return ofScope(cacheScope)
        .map((state) => ({ state, length: commonPrefix(state, prompt) }))
        .filter(({ length }) => length > 0)
        .toSorted((a, b) => a.length - b.length || a.state.entries.length - b.state.entries.length);
    },
    add(state) {
      const going = ofScope(state.cacheScope).filter(
        (older) => commonPrefix(older, state.entries) === older.entries.length,
      );
      for (const needless of going) states.remove(needless);
      states.set(clientOf(state.cacheScope), state, state.bytes);
      going.push(...states.takeBeyond(maxBytes));
      return going;
    },
    touch(state) {
      if (states.remove(state)) states.set(clientOf(state.cacheScope), state, state.bytes);
    },
    remove: (state) => void states.remove(state),
  };
}
