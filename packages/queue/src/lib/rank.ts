// Owns the position of one entry, counted without putting the others in order: every accepted job is told its own.
//
// Both parts of the order, clients of a priority and flows of a client, go in rounds. A member that starts at s and has n entries has a
// turn in each of the rounds s to s + n - 1: a client starts at the number of its running jobs, a flow at 0. Who enters in a round goes
// before those who had a turn in the round before it, so that in any round the members that started later are first.
import type { Client, Flow } from "./ledger.ts";
import { placeOf, type Entry, type Level } from "./levels.ts";

/** One of the two parts. `level` counts from the highest priority. */
interface Rounds<M> {
  start(member: M, level: number): number;
  count(member: M, level: number): number;
}

/** How many `take` away the entry is, from 1. Linear in the clients of its priority and in its client's flows. */
export function rankOf<T>(levels: readonly Level<T>[], { flow, priority, seq }: Entry<T>): number {
  const level = levels.findIndex((each) => each.priority === priority);
  const parties = levels[level]?.parties;
  const lines = parties?.get(flow.client)?.lines;
  const entries = lines?.get(flow)?.entries;
  if (parties === undefined || lines === undefined || entries === undefined) {
    throw new Error("Cannot rank the entry: it does not wait");
  }
  const inClient = turnsBefore(flowRounds(levels), lines.keys(), flow, placeOf(entries, seq), level);
  const inLevel = turnsBefore(clientRounds(levels), parties.keys(), flow.client, inClient, level);
  return levels.slice(0, level).reduce((sum, each) => sum + each.size, inLevel) + 1;
}

/** How many turns the members have before the `own` of one of them (its first is 0) in this level. */
function turnsBefore<M extends { readonly turn: number }>(
  rounds: Rounds<M>,
  members: Iterable<M>,
  member: M,
  own: number,
  level: number,
): number {
  const start = rounds.start(member, level);
  const round = start + own;
  let turns = own;
  for (const other of members) {
    if (other === member) continue;
    const first = rounds.start(other, level);
    const count = rounds.count(other, level);
    turns += Math.min(count, Math.max(0, round - first));
    const meets = first <= round && round < first + count;
    if (meets && (first > start || (first === start && hadTurnBefore(rounds, other, member, level)))) turns += 1;
  }
  return turns;
}

/** Whether, when this level begins, the last turn of `a` is longer ago than that of `b`. */
function hadTurnBefore<M extends { readonly turn: number }>(rounds: Rounds<M>, a: M, b: M, level: number): boolean {
  for (let higher = level - 1; higher >= 0; higher -= 1) {
    const countA = rounds.count(a, higher);
    const countB = rounds.count(b, higher);
    if (countA === 0 && countB === 0) continue;
    if (countA === 0 || countB === 0) return countA === 0;
    const startA = rounds.start(a, higher);
    const startB = rounds.start(b, higher);
    if (startA + countA !== startB + countB) return startA + countA < startB + countB;
    if (startA !== startB) return startA > startB;
    // Alike in that level, so they left it in the order in which they entered it.
  }
  return a.turn < b.turn;
}

function clientRounds<T>(levels: readonly Level<T>[]): Rounds<Client> {
  const count = (client: Client, level: number): number => levels[level]?.parties.get(client)?.size ?? 0;
  return {
    count,
    start(client, level) {
      let running = client.running;
      for (let higher = 0; higher < level; higher += 1) running += count(client, higher);
      return running;
    },
  };
}

function flowRounds<T>(levels: readonly Level<T>[]): Rounds<Flow> {
  return {
    count: (flow, level) => levels[level]?.parties.get(flow.client)?.lines.get(flow)?.entries.length ?? 0,
    start: () => 0,
  };
}
