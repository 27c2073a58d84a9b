// Keeps the waiting jobs in order: bounded admission, priorities, fairness between clients and between their flows. A job may want several places,
// which it gets one by one. The queue has no timers and starts no jobs; the code that owns the queue takes places and reports their ends.
import { createLedger, type Ledger } from "./ledger.ts";
import { createLevels, type Entry, type Rotation } from "./levels.ts";

export interface QueueKey {
  /** Unique among the jobs that wait or run. */
  readonly id: string;
  /** Higher priorities are served first. */
  readonly priority: number;
  /** Name of the API token. Clients share the queue fairly. */
  readonly client: string;
  /** The session or the batch, or "" without both. Flows share a client's turns fairly. */
  readonly flow: string;
  /** Number of places that the item wants, 1 by default. It counts as one item in all limits. */
  readonly places?: number;
}

/** A limit of the queue that an item would exceed. */
export type QueueLimit = "full" | "client_share";

export interface AdmissionQueueOptions {
  /** Limit for `depth`. */
  readonly capacity: number;
  /** Share of the capacity that one client may use: above 0, at most 1. Every client may have at least one entry. Default 1. */
  readonly clientShare?: number;
  /**
   * Entries of a lower priority are outside of all limits and of `depth`, and do not count when their client's other entries take turns. They take
   * turns among themselves. By default all entries count.
   */
  readonly lowestCounted?: number;
  /** Milliseconds; never decreases. */
  readonly now: () => number;
}

export interface AdmissionQueue<T> {
  /**
   * Adds an item, or returns the limit that is reached; undefined if the item was added.
   * @throws Error when the id waits or runs already
   */
  offer(item: T, key: QueueKey): QueueLimit | undefined;
  /**
   * Adds an item without checking limits, for a job that is already accepted. The caller bounds the number of these items.
   * @throws Error when the id waits or runs already
   */
  admit(item: T, key: QueueKey): void;
  /**
   * The first item of the highest priority. Clients with fewer running places come first, then clients whose last turn or arrival is longer ago. A
   * client's flows take turns in the same way; a flow's items keep their order of arrival.
   * @param passable whether the item cannot begin now and blocks no other item, of any priority
   */
  next(passable?: (item: T) => boolean): T | undefined;
  /**
   * Takes a place for the next item, and returns the item. The place counts as running for the item's client until `finished`. The item waits until it
   * has all its places.
   * @param id take a place for the waiting item with this id instead of the next item
   */
  take(id?: string): T | undefined;
  /** A taken place waits again, because it cannot run. The item gets the position that it would have without the `take`. Unknown ids are ignored. */
  putBack(id: string): void;
  /** Reports the end of a taken place. Unknown ids are ignored, so a further call is harmless. */
  finished(id: string): void;
  /** How long a waiting item has waited for its next place, in milliseconds. */
  waitedMs(id: string): number;
  /** Removes and returns a waiting item. The places that it has keep running. */
  remove(id: string): T | undefined;
  /**
   * Replaces a waiting item; false when the old item does not wait. With the same priority, client and flow, the new item is served exactly when the
   * old item would have been. Otherwise the new item's position is that of an item that arrived at the same time as the old item. No limit is
   * checked, since the number of items stays the same.
   * @throws Error when the new id waits or runs already
   */
  replace(oldId: string, newItem: T, key: QueueKey): boolean;
  /**
   * The item's position, from 1: the number of items that get a place before it, and itself, if nothing else changes the queue and taken places keep
   * running. The first call after a change computes the positions of all items.
   */
  position(id: string): number | undefined;
  /** Number of waiting entries that count. */
  readonly depth: number;
  readonly capacity: number;
}

/** Places of an entry that run; at least one. */
interface Run<T> {
  readonly entry: Entry<T>;
  readonly rotations: Rotation[];
}

/** @throws RangeError unless capacity is a positive integer, and clientShare is above 0 and at most 1 */
export function createAdmissionQueue<T>(options: AdmissionQueueOptions): AdmissionQueue<T> {
  const { capacity, clientShare = 1, lowestCounted = -Infinity, now } = options;
  const clientCapacity = checkedClientCapacity(capacity, clientShare);
  const entries = new Map<string, Entry<T>>();
  const running = new Map<string, Run<T>>();
  const levels = createLevels<T>();
  const counted = createLedger();
  const uncounted = createLedger();
  /** The position of each waiting entry; undefined after a change. */
  let positions: ReadonlyMap<string, number> | undefined;
  let arrivals = 0;

  function ledgerOf({ priority }: Pick<QueueKey, "priority">): Ledger {
    return priority < lowestCounted ? uncounted : counted;
  }

  function changed(): void {
    positions = undefined;
  }

  function enter(item: T, key: QueueKey, { seq, sinceMs }: Pick<Entry<T>, "seq" | "sinceMs">): Entry<T> {
    const { id, priority, flow, places = 1 } = key;
    const entry = { id, item, priority, client: ledgerOf(key).enter(key.client), flow, seq, sinceMs, places };
    entries.set(id, entry);
    return entry;
  }

  function findNext(passable = (_: T): boolean => false): Entry<T> | undefined {
    for (const entry of levels.inTurn()) if (!passable(entry.item)) return entry;
    return undefined;
  }

  /** Ends a running place, and returns its run; undefined for an unknown id. */
  function endPlace(id: string): (Run<T> & { readonly rotation: Rotation | undefined }) | undefined {
    const run = running.get(id);
    if (run === undefined) return undefined;
    const rotation = run.rotations.pop();
    if (run.rotations.length === 0) running.delete(id);
    return { ...run, rotation };
  }

  function admit(item: T, key: QueueKey): void {
    refuseKnown(key.id);
    levels.insert(enter(item, key, { seq: arrivals++, sinceMs: now() }));
    changed();
  }

  function refuseKnown(id: string): void {
    if (entries.has(id) || running.has(id)) throw new Error(`Cannot queue ${id}: a job with this id waits or runs`);
  }

  return {
    offer(item, key) {
      refuseKnown(key.id);
      if (counted.queued >= capacity) return "full";
      if (counted.queuedBy(key.client) >= clientCapacity) return "client_share";
      admit(item, key);
      return undefined;
    },
    admit,
    next: (passable) => findNext(passable)?.item,
    take(id) {
      const entry = id === undefined ? findNext() : entries.get(id);
      if (entry === undefined) return undefined;
      const run = running.get(entry.id) ?? { entry, rotations: [] };
      run.rotations.push(levels.serve(entry));
      running.set(entry.id, run);
      entry.sinceMs = now();
      const ledger = ledgerOf(entry);
      ledger.start(entry.client);
      if (entry.places === 0) {
        entries.delete(entry.id);
        ledger.leave(entry.client);
      }
      changed();
      return entry.item;
    },
    putBack(id) {
      const run = endPlace(id);
      if (run === undefined) return;
      const { entry, rotation } = run;
      const ledger = ledgerOf(entry);
      if (entry.places === 0) {
        entries.set(id, entry);
        ledger.enter(entry.client.name);
        entry.sinceMs = now();
      }
      entry.places += 1;
      ledger.finish(entry.client);
      levels.insert(entry, rotation);
      changed();
    },
    finished(id) {
      const run = endPlace(id);
      if (run === undefined) return;
      ledgerOf(run.entry).finish(run.entry.client);
      changed();
    },
    waitedMs: (id) => now() - (entries.get(id)?.sinceMs ?? now()),
    remove(id) {
      const entry = entries.get(id);
      if (entry === undefined) return undefined;
      entries.delete(id);
      levels.remove(entry);
      entry.places = 0;
      ledgerOf(entry).leave(entry.client);
      changed();
      return entry.item;
    },
    replace(oldId, newItem, key) {
      const old = entries.get(oldId);
      if (old === undefined) return false;
      if (key.id !== oldId) refuseKnown(key.id);
      entries.delete(oldId);
      const entry = enter(newItem, key, old);
      const { priority, client, flow } = old;
      if (entry.priority === priority && entry.client === client && entry.flow === flow) levels.replace(old, entry);
      else {
        levels.remove(old);
        levels.insert(entry);
      }
      ledgerOf(old).leave(client);
      changed();
      return true;
    },
    position(id) {
      positions ??= new Map(levels.inServiceOrder().map((entry, index) => [entry.id, index + 1]));
      return positions.get(id);
    },
    get depth() {
      return counted.queued;
    },
    capacity,
  };
}

function checkedClientCapacity(capacity: number, clientShare: number): number {
  if (!Number.isSafeInteger(capacity) || capacity < 1) {
    throw new RangeError(`Cannot create the queue: its capacity must be a positive integer, not ${capacity}`);
  }
  if (!(clientShare > 0 && clientShare <= 1)) {
    throw new RangeError(`Cannot create the queue: a client's share must be above 0 and at most 1, not ${clientShare}`);
  }
  return Math.max(1, Math.floor(capacity * clientShare));
}
