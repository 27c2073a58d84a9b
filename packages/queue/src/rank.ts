// Computes the position of one entry without sorting all entries, because every accepted job needs its position.
//
// Clients of a priority are served in rounds, and so are the flows of a client. A member (a client or a flow) that starts in round s and has n
// entries is served once in each of the rounds s to s + n - 1. A client starts in the round with the number of its running jobs, a flow in round 0.
// In its first round, a member comes before the members that started in an earlier round. So in every round, members that started later come first.
import type { Client } from "./ledger.ts";
import { insertionIndex, type Entry, type Level } from "./levels.ts";

/** A client of a level, or a flow of a client. */
interface Member {
  readonly start: number;
  readonly count: number;
  readonly turn: number;
}

/**
 * The entry's position, from 1: the number of the `take` that returns the entry. The time is linear in the number of clients of the entry's priority
 * and of its client's flows.
 */
export function rankOf<T>(levels: readonly Level<T>[], { client, flow, priority, seq }: Entry<T>): number {
  const level = levels.findIndex((each) => each.priority === priority);
  const parties = levels[level]?.parties;
  const party = parties?.get(client);
  const line = party?.lines.get(flow);
  if (parties === undefined || party === undefined || line === undefined) {
    throw new Error("Cannot rank the entry: it does not wait");
  }
  const higher = levels.slice(0, level);
  const flows = Array.from(party.lines.values(), ({ entries, turn }) => ({ start: 0, count: entries.length, turn }));
  const clients = Array.from(parties.values(), (each) => ({
    start: runningAfter(higher, each.client),
    count: each.size,
    turn: each.turn,
  }));
  const inClient = turnsBefore(flows, line.turn, insertionIndex(line.entries, seq));
  const inLevel = turnsBefore(clients, party.turn, inClient);
  return higher.reduce((sum, each) => sum + each.size, inLevel) + 1;
}

/** Number of entries that are served before entry `own` (from 0) of the member with this `turn`. No two members have the same turn. */
function turnsBefore(members: readonly Member[], turn: number, own: number): number {
  const start = members.find((each) => each.turn === turn)?.start ?? 0;
  const round = start + own;
  let turns = own;
  for (const other of members) {
    if (other.turn === turn) continue;
    turns += Math.min(other.count, Math.max(0, round - other.start));
    const meets = other.start <= round && round < other.start + other.count;
    if (meets && (other.start > start || (other.start === start && other.turn < turn))) turns += 1;
  }
  return turns;
}

/** The number of the client's running jobs once its entries of these levels run too. */
function runningAfter<T>(levels: readonly Level<T>[], client: Client): number {
  return levels.reduce((sum, { parties }) => sum + (parties.get(client)?.size ?? 0), client.running);
}
