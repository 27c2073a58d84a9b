// Orders the waiting entries by priority, then by the turns of clients, then by the turns of each client's flows.
//
// Clients of a priority take turns, and so do the flows of a client. A turn is a number from one counter. A client or flow gets a number when it
// begins to wait, and a new number each time one of its entries is served; the lowest number is next. So a client or flow that arrives or returns
// is behind all waiting clients or flows, and the queue keeps no state of clients and flows without waiting entries.
import type { Client } from "./ledger.ts";

export interface Entry<T> {
  readonly id: string;
  readonly item: T;
  readonly priority: number;
  readonly client: Client;
  readonly flow: string;
  /** Order of arrival; a replacement has the number of the entry that it replaces. */
  readonly seq: number;
  /** When the entry began to wait, in milliseconds. */
  sinceMs: number;
  /** Number of places that the entry waits for. */
  places: number;
}

/** One flow's entries of one priority, in order of arrival; never empty. */
interface Line<T> {
  readonly entries: Entry<T>[];
  turn: number;
}

/** One client's lines of one priority, by their flows' names; never empty. */
interface Party<T> {
  readonly client: Client;
  readonly lines: Map<string, Line<T>>;
  size: number;
  turn: number;
}

/** All entries of one priority; never empty. */
interface Level<T> {
  readonly priority: number;
  readonly parties: Map<Client, Party<T>>;
  size: number;
}

/** The turns of a client and of its flow, before one of their entries was served. */
export interface Rotation {
  readonly client: number;
  readonly flow: number;
}

export interface Levels<T> {
  /** @param before result of `serve` for a place that waits again; the entry, which may still wait, gets the position that it would have without `serve` */
  insert(entry: Entry<T>, before?: Rotation): void;
  remove(entry: Entry<T>): void;
  /** Takes one place off the entry, gives its client and its flow new turns, and returns their old turns. The last place removes the entry. */
  serve(entry: Entry<T>): Rotation;
  /** Replaces a waiting entry of the same priority, client and flow. */
  replace(old: Entry<T>, entry: Entry<T>): void;
  /** All entries, the highest priority first: clients in the order of `compareParties`, their flows by turn, then entries by arrival. */
  inTurn(): Iterable<Entry<T>>;
  /** All entries in the order in which they get their first places, if nothing else changes and served jobs keep running. */
  inServiceOrder(): Entry<T>[];
}

/** Sorts clients by the number of their running places, then by turn. */
function compareParties<T>(a: Party<T>, b: Party<T>): number {
  return a.client.running - b.client.running || compareTurns(a, b);
}

function compareTurns(a: { readonly turn: number }, b: { readonly turn: number }): number {
  return a.turn - b.turn;
}

export function createLevels<T>(): Levels<T> {
  const levels: Level<T>[] = [];
  let nextTurn = 1;

  function findLevel(priority: number): Level<T> {
    const index = levels.findIndex((level) => level.priority <= priority);
    const found = levels[index];
    if (found?.priority === priority) return found;
    const level: Level<T> = { priority, parties: new Map(), size: 0 };
    levels.splice(index === -1 ? levels.length : index, 0, level);
    return level;
  }

  function find({ priority, client, flow }: Entry<T>): { level: Level<T>; party: Party<T>; line: Line<T> } {
    const level = findLevel(priority);
    const party = level.parties.get(client);
    const line = party?.lines.get(flow);
    if (party === undefined || line === undefined) throw new Error("Cannot find the entry: it is not in the queue");
    return { level, party, line };
  }

  function remove(entry: Entry<T>): void {
    const { level, party, line } = find(entry);
    line.entries.splice(insertionIndex(line.entries, entry.seq), 1);
    party.size -= 1;
    level.size -= 1;
    if (line.entries.length === 0) party.lines.delete(entry.flow);
    if (party.size === 0) level.parties.delete(entry.client);
    if (level.size === 0) levels.splice(levels.indexOf(level), 1);
  }

  return {
    insert(entry, before) {
      const { client, flow, priority } = entry;
      const level = findLevel(priority);
      const party = level.parties.get(client) ?? { client, lines: new Map(), size: 0, turn: nextTurn++ };
      const line = party.lines.get(flow) ?? { entries: [], turn: nextTurn++ };
      level.parties.set(client, party);
      party.lines.set(flow, line);
      // Served entries may be put back in any order. The lowest of their old turns is the turn that was valid before any of these entries was served.
      party.turn = Math.min(party.turn, before?.client ?? Infinity);
      line.turn = Math.min(line.turn, before?.flow ?? Infinity);
      const index = insertionIndex(line.entries, entry.seq);
      if (line.entries[index] === entry) return;
      line.entries.splice(index, 0, entry);
      party.size += 1;
      level.size += 1;
    },
    remove,
    serve(entry) {
      const { party, line } = find(entry);
      const before = { client: party.turn, flow: line.turn };
      party.turn = nextTurn++;
      line.turn = nextTurn++;
      entry.places -= 1;
      if (entry.places === 0) remove(entry);
      return before;
    },
    replace(old, entry) {
      const { entries } = find(old).line;
      entries[insertionIndex(entries, old.seq)] = entry;
    },
    *inTurn() {
      for (const { parties } of levels) {
        for (const { lines } of [...parties.values()].toSorted(compareParties)) {
          for (const { entries } of [...lines.values()].toSorted(compareTurns)) yield* entries;
        }
      }
    },
    inServiceOrder() {
      const running = new Map<Client, number>();
      return [...new Set(levels.flatMap(({ parties }) => serveAll([...parties.values()], running)))];
    },
  };
}

/**
 * Simulates the service of all places of one level. A client that was served runs one more, and is behind all clients that run as many.
 * @param running number of the running places of each client that was served in a higher level; gets the clients of this level
 */
function serveAll<T>(parties: readonly Party<T>[], running: Map<Client, number>): Entry<T>[] {
  const order: Entry<T>[] = [];
  /** The clients by the number of their running places, each with the places that are left. */
  const rounds: { readonly client: Client; readonly left: Iterator<Entry<T>> }[][] = [];
  for (const { client, lines } of parties.toSorted(compareTurns)) {
    const round = running.get(client) ?? client.running;
    (rounds[round] ??= []).push({ client, left: serveFlows([...lines.values()]).values() });
  }
  for (let round = 0; round < rounds.length; round += 1) {
    for (const party of rounds[round] ?? []) {
      const next = party.left.next();
      if (next.done === true) running.set(party.client, round);
      else {
        order.push(next.value);
        (rounds[round + 1] ??= []).push(party);
      }
    }
  }
  return order;
}

/** Simulates the service of one client's places. A flow that was served is behind the other flows. */
function serveFlows<T>(lines: readonly Line<T>[]): Entry<T>[] {
  const order: Entry<T>[] = [];
  const turns = lines.toSorted(compareTurns).map(({ entries }) => entries.flatMap(placesOf).values());
  for (const left of turns) {
    const next = left.next();
    if (next.done === true) continue;
    order.push(next.value);
    turns.push(left);
  }
  return order;
}

function placesOf<T>(entry: Entry<T>): Entry<T>[] {
  return Array.from({ length: entry.places }, () => entry);
}

/** The index of the first entry that did not arrive before `seq`. */
function insertionIndex(entries: readonly { readonly seq: number }[], seq: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.seq ?? Infinity) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
