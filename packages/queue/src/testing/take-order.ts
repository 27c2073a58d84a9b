// Simulates the order in which entries are taken if the queue does not change otherwise and taken jobs keep running. Tests compare the computed
// ranks with this order. The simulation searches all entries for each turn, which is too slow for a daemon.
import type { Client } from "../ledger.ts";
import { compareParties, compareTurns, type Entry, type Level, type Line, type Party } from "../levels.ts";

/** All entries in the order in which they will be taken. Changes nothing. */
export function takeOrder<T>(levels: readonly Level<T>[]): Entry<T>[] {
  const clients = new Map<Client, Client>();
  /** Later than any turn that the levels have given. */
  let nextTurn = 2 ** 50;

  function copyOf(client: Client): Client {
    const copy = clients.get(client) ?? { ...client };
    clients.set(client, copy);
    return copy;
  }

  function copyParty({ client, lines, size, turn }: Party<T>): Party<T> {
    const copies = Array.from(lines, ([flow, line]): [string, Line<T>] => [
      flow,
      { ...line, entries: [...line.entries] },
    ]);
    return { client: copyOf(client), lines: new Map(copies), size, turn };
  }

  function serveNext(parties: readonly Party<T>[]): Entry<T> {
    const party = parties.filter(({ size }) => size > 0).toSorted(compareParties)[0];
    const lines = [...(party?.lines.values() ?? [])].filter(({ entries }) => entries.length > 0);
    const line = lines.toSorted(compareTurns)[0];
    const entry = line?.entries.shift();
    if (party === undefined || line === undefined || entry === undefined)
      throw new Error("Cannot serve an entry: no entry waits");
    party.size -= 1;
    party.client.running += 1;
    party.turn = nextTurn++;
    line.turn = nextTurn++;
    return entry;
  }

  return levels.flatMap(({ parties, size }) => {
    const copies = Array.from(parties.values(), copyParty);
    return Array.from({ length: size }, () => serveNext(copies));
  });
}
