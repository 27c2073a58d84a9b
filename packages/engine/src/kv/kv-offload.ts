// Transfers KV caches: saves slots as KV snapshots, loads snapshots, copies slots. Decides which transfers pay and which snapshots are evicted, and
// limits the transfers at a scheduling point, so that running streams do not wait long. Decision 017.
import type { Backend } from "../port/backend.ts";
import type { Held, KvSnapshot } from "../port/kv.ts";
import { hasPictures } from "../port/entries.ts";
import type { EngineEvent } from "../port/messages.ts";
import { createKvIndex, type KvIndex } from "./kv-index.ts";
import { createTransferCost, type Transfer } from "./transfer-cost.ts";
import { thrownMessage } from "../sequence/fail-job.ts";

/** No slot is saved for this many scheduling points after a failed save. */
const pauseAfterFailure = 1_000;

/** A transfer that takes longer is no sign of life: the engine counts as hung soon. */
const longestTransferMs = 120_000;

/** What a slot holds. */
interface SlotCache {
  readonly id: number;
  readonly held: Held;
  readonly cacheScope: string | undefined;
  readonly isLaneCache: boolean;
}

export interface KvOffloadOptions {
  readonly backend: Pick<Backend, "generator">;
  /** Maximum number of bytes of KV snapshots; 0 turns snapshots off. */
  readonly prefixStoreBytes: number;
  /** Milliseconds per token of a transfer in an earlier engine; undefined: none was measured. */
  readonly prefixStoreTokenMs?: number | undefined;
  /** Milliseconds per prompt token when this many are computed; undefined before the first measurement. */
  readonly tokenMs: (tokens: number) => number | undefined;
  readonly emit: (event: EngineEvent) => void;
  readonly now: () => number;
}

export interface KvOffload {
  readonly store: Pick<KvIndex, "matches">;
  /**
   * Begins a scheduling point.
   * @param most transfers allowed at this scheduling point
   * @param underway called when a transfer has begun and leaves this thread free
   */
  open(most: number, underway: () => void): void;
  readonly pays: (transfer: Transfer) => boolean;
  /** Reports a save or a load that runs, as a sign of life, with the time so far: if the engine dies, the next one knows how slow the folder is. */
  reportUnderway(): void;
  /** Whether a job that keeps `keepTokens` of the slot's cache would discard tokens that are worth saving and in no snapshot. */
  wouldLose(slot: SlotCache, keepTokens: number): boolean;
  /**
   * Returns false if this scheduling point allows no more transfers. A failure is logged, and saving pauses.
   * @param isUrgent save in any case, because the slot's cells are freed now
   */
  save(slot: SlotCache, isUrgent?: boolean): Promise<boolean>;
  /** Returns undefined if this scheduling point allows no more transfers. Returns false if the snapshot was damaged; the slot is then empty. */
  load(slot: SlotCache, state: KvSnapshot): Promise<boolean | undefined>;
  /** Whether slots can be saved. */
  readonly saves: boolean;
  /** Whether slots can be copied; a prefix of another slot is then copied, and not saved and loaded. */
  readonly copies: boolean;
  /**
   * Copies the first `keep` tokens of a slot. Returns false if this scheduling point allows no more transfers. Returns undefined if the copy failed, which
   * is logged; what the slot `to` holds is then unknown.
   */
  copy(from: SlotCache, to: SlotCache, keep: number): Promise<boolean | undefined>;
}

export function createKvOffload(options: KvOffloadOptions): KvOffload {
  const { prefixStoreBytes, emit, now } = options;
  const { generator } = options.backend;
  const states = prefixStoreBytes > 0 ? generator?.states : undefined;
  const store = createKvIndex(prefixStoreBytes);
  const cost = createTransferCost(options.prefixStoreTokenMs);
  let allowed = Infinity;
  let underway = (): void => {};
  let pause = 0;
  let running: { readonly tokens: number; readonly startMs: number } | undefined;

  for (const found of states?.found ?? []) discard(store.add(found));

  function pays(transfer: Transfer): boolean {
    const usesStore = transfer.loaded !== undefined || transfer.saved !== undefined;
    if (usesStore && states === undefined) return false;
    if (transfer.saved !== undefined && (pause > 0 || !fits(transfer.saved))) return false;
    return transfer.pictures === true || cost.pays(transfer, options.tokenMs(transfer.gained));
  }

  /** A larger snapshot would take the folder's memory, and be evicted at once. */
  function fits(tokens: number): boolean {
    return states !== undefined && states.bytesOf(tokens) <= prefixStoreBytes;
  }

  async function follow<T>(tokens: number, startMs: number, transfer: Promise<T>): Promise<T> {
    running = { tokens, startMs };
    underway();
    return await transfer.finally(() => (running = undefined));
  }

  function take(): boolean {
    if (allowed === 0) return false;
    allowed -= 1;
    return true;
  }

  function discard(going: readonly KvSnapshot[]): void {
    for (const state of going) states?.remove(state);
  }

  function report(operation: "save" | "load" | "damaged" | "underway", tokens: number, startMs: number): void {
    const { count, bytes } = store;
    emit({ type: "prefix_store", operation, tokens, ms: now() - startMs, states: count, bytes });
  }

  return {
    store,
    pays,
    reportUnderway() {
      if (running === undefined || now() - running.startMs > longestTransferMs) return;
      report("underway", running.tokens, running.startMs);
    },
    open(most, whenUnderway) {
      allowed = most;
      underway = whenUnderway;
      pause = Math.max(0, pause - 1);
    },
    wouldLose(slot, keepTokens) {
      const { cacheScope, isLaneCache } = slot;
      const { entries, chunks } = slot.held;
      const { length } = entries;
      if (isLaneCache || cacheScope === undefined || length <= keepTokens) return false;
      const kept = Math.max(keepTokens, store.matches(entries, cacheScope).at(-1)?.length ?? 0);
      const pictures = hasPictures(chunks, kept, length);
      return pays({ gained: length - kept, loaded: length, saved: length, pictures });
    },
    async save(slot, isUrgent = false) {
      if (states === undefined || !(isUrgent || take())) return false;
      const startMs = now();
      const { length } = slot.held.entries;
      try {
        const state = await follow(length, startMs, states.save(slot.id, slot.held, length, slot.cacheScope ?? ""));
        cost.addSave(length, now() - startMs);
        discard(store.add(state));
        report("save", length, startMs);
      } catch (error) {
        pause = pauseAfterFailure;
        emit({
          type: "log",
          level: "warn",
          message: `Cannot save the KV cache of slot ${slot.id}: ${thrownMessage(error)}`,
        });
      }
      return true;
    },
    async load(slot, state) {
      if (states === undefined || !take()) return undefined;
      const startMs = now();
      const { length } = state.entries;
      const loaded = await follow(length, startMs, states.load(slot.id, state));
      if (loaded) {
        cost.addLoad(length, now() - startMs);
        store.touch(state);
      } else {
        store.remove(state);
      }
      report(loaded ? "load" : "damaged", length, startMs);
      return loaded;
    },
    saves: states !== undefined,
    copies: generator?.copy !== undefined,
    async copy(from, to, keep) {
      if (generator?.copy === undefined || !take()) return false;
      const startMs = now();
      const copying = generator.copy(from.id, to.id, keep, from.held);
      underway();
      try {
        await copying;
      } catch (error) {
        emit({
          type: "log",
          level: "warn",
          message: `Cannot copy the KV cache of slot ${from.id}: ${thrownMessage(error)}`,
        });
        return undefined;
      }
      cost.addCopy(from.held.entries.length, now() - startMs);
      return true;
    },
  };
}
