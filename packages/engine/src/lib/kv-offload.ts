// Owns saving slots to the prefix store and loading them from it: what pays, what goes for it, and that a scheduling point has
// no more of it than running streams can bear.
import type { Backend, SavedState } from "./backend.ts";
import type { EngineEvent } from "./messages.ts";
import { createPrefixStore, type PrefixStore } from "./prefix-store.ts";
import { reusablePart, type Slot } from "./slots.ts";
import { createTransferCost, type Transfer } from "./transfer-cost.ts";

/** Scheduling points without an attempt after a state could not be saved. */
const pauseAfterFailure = 1_000;

export interface KvOffloadOptions {
  readonly backend: Pick<Backend, "states">;
  readonly prefixStoreBytes: number;
  readonly tokenMs: (tokens: number) => number | undefined;
  readonly emit: (event: EngineEvent) => void;
  readonly now: () => number;
}

export interface KvOffload {
  readonly store: Pick<PrefixStore, "matches">;
  /**
   * @param most transfers until the next one
   * @param underway called when one has begun and leaves this thread free
   */
  open(most: number, underway: () => void): void;
  readonly pays: (transfer: Transfer) => boolean;
  /** Whether the slot has more than this of what is worth keeping and saved nowhere. */
  wouldLose(slot: Slot, keepTokens: number): boolean;
  /** False when this scheduling point has had its transfers. A failure is told, and nothing is saved for a while. */
  save(slot: Slot): Promise<boolean>;
  /** Undefined when this scheduling point has had its transfers; false when the state was damaged: the slot is empty then. */
  load(slot: Slot, state: SavedState): Promise<boolean | undefined>;
}

export function createKvOffload(options: KvOffloadOptions): KvOffload {
  const { prefixStoreBytes, emit, now } = options;
  const states = prefixStoreBytes > 0 ? options.backend.states : undefined;
  const store = createPrefixStore(prefixStoreBytes);
  const cost = createTransferCost();
  let allowed = Infinity;
  let underway = (): void => {};
  let pause = 0;

  for (const found of states?.found ?? []) discard(store.add(found));

  function pays(transfer: Transfer): boolean {
    if (states === undefined || (transfer.saved !== undefined && pause > 0)) return false;
    return cost.pays(transfer, options.tokenMs(transfer.gained));
  }

  function take(): boolean {
    if (allowed === 0) return false;
    allowed -= 1;
    return true;
  }

  function discard(going: readonly SavedState[]): void {
    for (const state of going) states?.remove(state);
  }

  function tell(operation: "save" | "load" | "damaged", { tokens }: SavedState, startMs: number): void {
    const { count, bytes } = store;
    emit({ type: "prefix_store", operation, tokens: tokens.length, ms: now() - startMs, states: count, bytes });
  }

  return {
    store,
    pays,
    open(most, whenUnderway) {
      allowed = most;
      underway = whenUnderway;
      pause = Math.max(0, pause - 1);
    },
    wouldLose(slot, keepTokens) {
      const { cacheScope } = slot;
      const held = reusablePart(slot);
      if (cacheScope === undefined || held.length <= keepTokens) return false;
      const kept = Math.max(keepTokens, store.matches(held, cacheScope).at(-1)?.length ?? 0);
      return pays({ gained: held.length - kept, loaded: held.length, saved: held.length });
    },
    async save(slot) {
      if (states === undefined || !take()) return false;
      const startMs = now();
      // A copy: the slot's own list goes on growing.
      const tokens = [...reusablePart(slot)];
      try {
        const saving = states.save(slot.id, tokens, slot.cacheScope ?? "");
        underway();
        const state = await saving;
        cost.noteSave(tokens.length, now() - startMs);
        const going = store.add(state);
        discard(going);
        // Larger than all that may be kept: the next one would be, too.
        if (going.includes(state)) pause = pauseAfterFailure;
        tell("save", state, startMs);
      } catch (error) {
        pause = pauseAfterFailure;
        const reason = error instanceof Error ? error.message : String(error);
        emit({ type: "log", level: "warn", message: `Cannot keep the state of slot ${slot.id}: ${reason}` });
      }
      return true;
    },
    async load(slot, state) {
      if (states === undefined || !take()) return undefined;
      const startMs = now();
      const loading = states.load(slot.id, state);
      underway();
      const loaded = await loading;
      if (loaded) {
        cost.noteLoad(state.tokens.length, now() - startMs);
        store.touch(state);
      } else {
        store.remove(state);
      }
      tell(loaded ? "load" : "damaged", state, startMs);
      return loaded;
    },
  };
}
