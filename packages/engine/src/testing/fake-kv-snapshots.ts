// Owns the KV snapshots of fake backends. A store of snapshots may outlive an engine and serve the next engine.
import type { KvSnapshot } from "../port/kv.ts";
import { firstEntries } from "../port/entries.ts";
import type { FakeSaved } from "../fake/fake-backend.ts";
import { isExact, type FakeCell } from "../fake/fake-slots.ts";

export interface FakeKvSnapshots extends FakeSaved {
  /** All kept snapshots, the oldest first. */
  readonly all: readonly KvSnapshot[];
  /** The operations so far, in order, each with its slot: "save 0", "load 1", "damaged 1". */
  readonly log: readonly string[];
  /** Decides whether every save from now on rejects. */
  failSaves(fail: boolean): void;
  /** Makes all present snapshots impossible to load. */
  damageAll(): void;
}

interface Kept {
  readonly state: KvSnapshot;
  readonly cells: readonly FakeCell[];
}

/** A snapshot has one byte per token, so that tests can count in tokens. */
export function createFakeKvSnapshots(): FakeKvSnapshots {
  const kept = new Map<string, Kept>();
  const damaged = new Set<string>();
  const log: string[] = [];
  let failing = false;
  const all = (): KvSnapshot[] => [...kept.values()].map(({ state }) => state);

  return {
    get all() {
      return all();
    },
    log,
    failSaves: (fail) => (failing = fail),
    damageAll() {
      for (const id of kept.keys()) damaged.add(id);
    },
    attach: (slotAt, checkPool = () => {}) => ({
      found: all(),
      bytesOf: (tokens) => tokens,
      async save(id, held, count, cacheScope) {
        const { cells } = slotAt(id);
        if (!isExact(held, cells)) throw new Error(`Slot ${id} does not hold these tokens`);
        if (failing) throw new Error("no space left on device");
        const state = { id: `state${log.length}`, ...firstEntries(held, count), cacheScope, bytes: cells.length };
        kept.set(state.id, { state, cells: cells.slice(0, count) });
        log.push(`save ${id}`);
        return state;
      },
      async load(id, state) {
        const slot = slotAt(id);
        if (slot.job !== undefined) throw new Error(`Slot ${id} has a job`);
        const found = damaged.has(state.id) ? undefined : kept.get(state.id);
        checkPool("load", (found?.cells.length ?? 0) - slot.cells.length);
        slot.cells.splice(0, Infinity, ...(found?.cells ?? []));
        if (found === undefined) kept.delete(state.id);
        log.push(`${found === undefined ? "damaged" : "load"} ${id}`);
        return found !== undefined;
      },
      remove: ({ id }) => kept.delete(id),
    }),
  };
}
