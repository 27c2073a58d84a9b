// Owns where entries wait: by priority, then client, then flow. Who is next is computed here; what it changes, is not.
import type { Client, Flow } from "./ledger.ts";

export interface Entry<T> {
  readonly id: string;
  readonly item: T;
  readonly priority: number;
  readonly flow: Flow;
  /** Order of arrival; an entry that replaces another has that one's. */
  readonly seq: number;
}

/** One flow's entries of one priority, in order of arrival; never empty. */
interface Line<T> {
  readonly flow: Flow;
  readonly entries: Entry<T>[];
}

/** One client's lines of one priority; never empty. */
export interface Party<T> {
  readonly client: Client;
  readonly lines: Map<Flow, Line<T>>;
  size: number;
}

/** All entries of one priority; never empty. */
export interface Level<T> {
  readonly priority: number;
  readonly parties: Map<Client, Party<T>>;
  size: number;
}

export interface Levels<T> {
  insert(entry: Entry<T>): void;
  remove(entry: Entry<T>): void;
  /** The entry whose turn it is. Linear in the clients of the highest priority and in the flows of the one chosen. */
  first(): Entry<T> | undefined;
  /** Highest priority first. */
  readonly all: readonly Level<T>[];
}

/** Before the others: the client with the fewest running jobs, then the one whose last turn is longest ago. */
export function compareClients(a: Pick<Client, "running" | "turn">, b: Pick<Client, "running" | "turn">): number {
  return a.running - b.running || a.turn - b.turn;
}

/** Before the others: the flow whose last turn is longest ago. */
export function compareFlows(a: Pick<Flow, "turn">, b: Pick<Flow, "turn">): number {
  return a.turn - b.turn;
}

export function createLevels<T>(): Levels<T> {
  const levels: Level<T>[] = [];

  function findLevel(priority: number): Level<T> {
    const index = levels.findIndex((level) => level.priority <= priority);
    const found = levels[index];
    if (found?.priority === priority) return found;
    const level: Level<T> = { priority, parties: new Map(), size: 0 };
    levels.splice(index === -1 ? levels.length : index, 0, level);
    return level;
  }

  return {
    insert(entry) {
      const { flow, priority } = entry;
      const level = findLevel(priority);
      const party = level.parties.get(flow.client) ?? { client: flow.client, lines: new Map<Flow, Line<T>>(), size: 0 };
      const line = party.lines.get(flow) ?? { flow, entries: [] };
      level.parties.set(flow.client, party);
      party.lines.set(flow, line);
      line.entries.splice(placeOf(line.entries, entry.seq), 0, entry);
      party.size += 1;
      level.size += 1;
    },
    remove({ flow, priority, seq }) {
      const level = findLevel(priority);
      const party = level.parties.get(flow.client);
      const line = party?.lines.get(flow);
      if (party === undefined || line === undefined) throw new Error("Cannot remove the entry: it does not wait");
      line.entries.splice(placeOf(line.entries, seq), 1);
      party.size -= 1;
      level.size -= 1;
      if (line.entries.length === 0) party.lines.delete(flow);
      if (party.size === 0) level.parties.delete(flow.client);
      if (level.size === 0) levels.splice(levels.indexOf(level), 1);
    },
    first() {
      const party = least(levels[0]?.parties.values() ?? [], (a, b) => compareClients(a.client, b.client));
      const line = least(party?.lines.values() ?? [], (a, b) => compareFlows(a.flow, b.flow));
      return line?.entries[0];
    },
    all: levels,
  };
}

/** The index of the first entry that did not arrive before `seq`. */
export function placeOf(entries: readonly { readonly seq: number }[], seq: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.seq ?? Infinity) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function least<V>(values: Iterable<V>, compare: (a: V, b: V) => number): V | undefined {
  let best: V | undefined;
  for (const value of values) if (best === undefined || compare(value, best) < 0) best = value;
  return best;
}
