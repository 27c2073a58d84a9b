// Owns one modelled store, as a stream of NATS: records in the order of their sequences, their age, the store's limits, and its followers.
import { matches } from "./topics.ts";

/** `data` is undefined for the marker of a deleted record. */
export interface Stored {
  readonly sequence: number;
  readonly topic: string;
  readonly data: Uint8Array | undefined;
  /** In milliseconds since 1970. */
  readonly at: number;
}

export interface StoreLimits {
  readonly bytes?: number;
  readonly count?: number;
  /** The store deletes a record after this time. */
  readonly ageMs?: number;
  /** A full store drops its oldest records. Default: it refuses new ones. */
  readonly dropsOldest?: boolean;
  /** A new record replaces the record with the same topic. */
  readonly onePerTopic?: boolean;
}

export interface Follower {
  readonly pattern: string;
  readonly take: (stored: Stored) => void;
  /** Whether its connection is closed. */
  readonly isGone: () => boolean;
  /** Called when the store is deleted. */
  readonly onLost: () => void;
}

export interface Store {
  /** The sequence of the last record that was ever stored; 0 for none. */
  readonly sequence: number;
  readonly limits: StoreLimits;
  /** The share of the limits that is in use, from 0 to 1. */
  share(): number;
  /** Undefined if the store is full. */
  add(topic: string, data: Uint8Array | undefined): Stored | undefined;
  get(sequence: number): Stored | undefined;
  last(topic: string): Stored | undefined;
  /** The records of the pattern after this sequence, the oldest first. */
  list(pattern: string, after?: number): readonly Stored[];
  remove(sequence: number): void;
  /** Whether the store counts as full: it takes only what replaces as much. */
  setFull(full: boolean): void;
  readonly followers: Set<Follower>;
}

/** @param now milliseconds since 1970 */
export function createStore(now: () => number, limits: StoreLimits): Store {
  const records = new Map<number, Stored>();
  const topics = new Map<string, Stored[]>();
  const followers = new Set<Follower>();
  let sequence = 0;
  let bytes = 0;
  let most = { bytes: limits.bytes ?? Infinity, count: limits.count ?? Infinity };

  function drop(stored: Stored): void {
    records.delete(stored.sequence);
    bytes -= sizeOf(stored);
    const ofTopic = topics.get(stored.topic) ?? [];
    ofTopic.splice(ofTopic.indexOf(stored), 1);
    if (ofTopic.length === 0) topics.delete(stored.topic);
  }

  /** Deletes expired records. All have the same age, so the oldest expire first. */
  function expire(): void {
    if (limits.ageMs === undefined) return;
    for (const stored of records.values()) {
      if (stored.at + limits.ageMs > now()) return;
      drop(stored);
    }
  }

  function hasRoom(size: number, count: number): boolean {
    return bytes + size <= most.bytes && records.size + count <= most.count;
  }

  function last(topic: string): Stored | undefined {
    expire();
    return topics.get(topic)?.at(-1);
  }

  return {
    get sequence() {
      return sequence;
    },
    limits,
    share() {
      expire();
      return Math.max(bytes === 0 ? 0 : bytes / most.bytes, records.size === 0 ? 0 : records.size / most.count);
    },
    add(topic, data) {
      const replaced = limits.onePerTopic ? last(topic) : undefined;
      expire();
      const next: Stored = { sequence: sequence + 1, topic, data, at: now() };
      const [size, count] = replaced === undefined ? [sizeOf(next), 1] : [sizeOf(next) - sizeOf(replaced), 0];
      if (!hasRoom(size, count)) {
        if (!limits.dropsOldest) return undefined;
        for (const oldest of records.values()) {
          if (hasRoom(size, count)) break;
          drop(oldest);
        }
      }
      if (replaced !== undefined) drop(replaced);
      sequence += 1;
      bytes += sizeOf(next);
      records.set(sequence, next);
      const ofTopic = topics.get(topic);
      if (ofTopic === undefined) topics.set(topic, [next]);
      else ofTopic.push(next);
      for (const follower of followers) {
        if (follower.isGone()) followers.delete(follower);
        else if (matches(follower.pattern, topic)) follower.take(next);
      }
      return next;
    },
    get(wanted) {
      expire();
      return records.get(wanted);
    },
    last,
    list(pattern, after = 0) {
      expire();
      if (topics.has(pattern)) return (topics.get(pattern) ?? []).filter((stored) => stored.sequence > after);
      return [...records.values()].filter((stored) => stored.sequence > after && matches(pattern, stored.topic));
    },
    remove(unwanted) {
      const stored = records.get(unwanted);
      if (stored !== undefined) drop(stored);
    },
    setFull(full) {
      most = full
        ? { bytes, count: records.size }
        : { bytes: limits.bytes ?? Infinity, count: limits.count ?? Infinity };
    },
    followers,
  };
}

function sizeOf({ topic, data }: Stored): number {
  return topic.length + (data?.length ?? 0);
}
