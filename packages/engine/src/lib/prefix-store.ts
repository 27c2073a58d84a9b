// Owns the index of saved slot states: which prefix is there, what has to go for another. It knows no file and no slot.
import type { SavedState, Token } from "./backend.ts";
import { commonPrefix } from "./common-prefix.ts";

export interface PrefixMatch {
  readonly state: SavedState;
  /** Tokens that both begin with. */
  readonly length: number;
}

export interface PrefixStore {
  /** Of all states. */
  readonly bytes: number;
  readonly count: number;
  /** The states that begin as this prompt does, of this scope alone: with how many tokens each, the shortest prefix and the smallest state first. */
  matches(prompt: readonly Token[], cacheScope: string): readonly PrefixMatch[];
  /**
   * Takes in a state that was just saved; returns those that are to go: what it makes needless, and the least recently
   * used beyond `maxBytes`. That may be the state itself.
   */
  add(state: SavedState): readonly SavedState[];
  /** A state was used: it goes last. */
  touch(state: SavedState): void;
  remove(state: SavedState): void;
}

export function createPrefixStore(maxBytes: number): PrefixStore {
  /** By id, least recently used first. */
  const states = new Map<string, SavedState>();
  let bytes = 0;

  function remove(state: SavedState): void {
    if (states.delete(state.id)) bytes -= state.bytes;
  }

  function ofScope(cacheScope: string): SavedState[] {
    return [...states.values()].filter((state) => state.cacheScope === cacheScope);
  }

  return {
    get bytes() {
      return bytes;
    },
    get count() {
      return states.size;
    },
    matches(prompt, cacheScope) {
      return ofScope(cacheScope)
        .map((state) => ({ state, length: commonPrefix(state.tokens, prompt) }))
        .filter(({ length }) => length > 0)
        .toSorted((a, b) => a.length - b.length || a.state.tokens.length - b.state.tokens.length);
    },
    add(state) {
      const going = ofScope(state.cacheScope).filter(
        ({ tokens }) => commonPrefix(tokens, state.tokens) === tokens.length,
      );
      for (const needless of going) remove(needless);
      states.set(state.id, state);
      bytes += state.bytes;
      for (const oldest of states.values()) {
        if (bytes <= maxBytes) break;
        remove(oldest);
        going.push(oldest);
      }
      return going;
    },
    touch(state) {
      if (states.delete(state.id)) states.set(state.id, state);
    },
    remove,
  };
}
