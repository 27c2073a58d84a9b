// Owns the index of saved slot states: which prefix is there, what has to go for another. It knows no file and no slot.
import type { SavedState, Token } from "./backend.ts";
import { commonPrefix } from "./common-prefix.ts";

export interface PrefixStore {
  /** Of all states. */
  readonly bytes: number;
  readonly count: number;
  /** The state that has the most of this prompt's first tokens, of this scope alone; undefined when none has any. */
  find(
    prompt: readonly Token[],
    cacheScope: string,
  ): { readonly state: SavedState; readonly length: number } | undefined;
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
    find(prompt, cacheScope) {
      let best: { state: SavedState; length: number } | undefined;
      for (const state of ofScope(cacheScope)) {
        const length = commonPrefix(state.tokens, prompt);
        if (length > (best?.length ?? 0)) best = { state, length };
      }
      return best;
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
