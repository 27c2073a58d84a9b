// Owns the saved slots of fake backends, which live as long as this object does: an engine may come and go over them.
import type { SavedState, SlotStates, Token } from "./backend.ts";

/** What a fake slot lets others see of itself. */
export interface SavableSlot {
  readonly held: Token[];
  readonly hashes: number[];
  /** Present while a job is bound. */
  readonly sampling: object | undefined;
}

export interface FakeStates {
  /** All that is kept, the oldest first. */
  readonly all: readonly SavedState[];
  /** What was done so far, in order: "save 0", "load 1", "damaged 1". */
  readonly log: readonly string[];
  /** Every save rejects from now on, or succeeds again. */
  failSaves(fail: boolean): void;
  /** No state can be loaded that is kept now. */
  damageAll(): void;
  /** For a backend. @param slotAt throws when the slot must not be touched now */
  attach(slotAt: (id: number) => SavableSlot): SlotStates;
}

interface Kept {
  readonly state: SavedState;
  readonly held: readonly Token[];
  readonly hashes: readonly number[];
}

/** A token is a byte, so that tests can count in tokens. */
export function createFakeStates(): FakeStates {
  const kept = new Map<string, Kept>();
  const damaged = new Set<string>();
  const log: string[] = [];
  let failing = false;
  const all = (): SavedState[] => [...kept.values()].map(({ state }) => state);

  return {
    get all() {
      return all();
    },
    log,
    failSaves: (fail) => (failing = fail),
    damageAll() {
      for (const id of kept.keys()) damaged.add(id);
    },
    attach: (slotAt) => ({
      found: all(),
      async save(id, tokens, cacheScope) {
        const slot = slotAt(id);
        if (tokens.some((token, i) => slot.held[i] !== token)) throw new Error(`Slot ${id} does not hold these tokens`);
        if (failing) throw new Error("no space left on device");
        const state = { id: `state${log.length}`, tokens, cacheScope, bytes: slot.held.length };
        kept.set(state.id, { state, held: [...slot.held], hashes: [...slot.hashes] });
        log.push(`save ${id}`);
        return state;
      },
      async load(id, state) {
        const slot = slotAt(id);
        if (slot.sampling !== undefined) throw new Error(`Slot ${id} has a job`);
        const found = damaged.has(state.id) ? undefined : kept.get(state.id);
        slot.held.splice(0, Infinity, ...(found?.held ?? []));
        slot.hashes.splice(0, Infinity, ...(found?.hashes ?? []));
        if (found === undefined) kept.delete(state.id);
        log.push(`${found === undefined ? "damaged" : "load"} ${id}`);
        return found !== undefined;
      },
      remove: ({ id }) => kept.delete(id),
    }),
  };
}
