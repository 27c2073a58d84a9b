// Owns the forecast, against which the ranks are tested: the order in which entries would be taken from here on, if nothing else changed
// and what is taken kept running. It puts all entries in order, which no daemon should do for one position.
import type { Client, Flow } from "../lib/ledger.ts";
import { compareClients, compareFlows, type Entry, type Level, type Party } from "../lib/levels.ts";

/** Later than any turn that a ledger has given. */
const firstTurn = 2 ** 50;

/** How a client stands at some point of the forecast. */
interface Standing {
  running: number;
  turn: number;
}

/** Standings and turns that differ from the ledger's by now. */
interface Forecast {
  readonly clients: Map<Client, Standing>;
  readonly flowTurns: Map<Flow, number>;
}

/**
 * All entries in the order of the turns to come. Nothing is changed.
 *
 * Linear in the entries, because no turn is searched for: a flow that had one goes behind the other flows of its client, and a client
 * that had one goes behind the clients with one more running job.
 */
export function takeOrder<T>(levels: readonly Level<T>[]): Entry<T>[] {
  const order: Entry<T>[] = [];
  const forecast: Forecast = { clients: new Map(), flowTurns: new Map() };
  for (const level of levels) serveLevel(level, forecast, order);
  return order;
}

function serveLevel<T>(level: Level<T>, forecast: Forecast, order: Entry<T>[]): void {
  const rounds = roundsOf(level, forecast);
  let running = Math.min(...rounds.keys());
  for (let waiting = level.parties.size; waiting > 0; running += 1) {
    for (const contender of rounds.get(running) ?? []) {
      const turn = firstTurn + order.length;
      const { flow, entry } = serveNext(contender);
      order.push(entry);
      forecast.flowTurns.set(flow, turn);
      contender.standing.turn = turn;
      contender.standing.running = running + 1;
      if (contender.position === contender.cursors.length) waiting -= 1;
      else append(rounds, running + 1, contender);
    }
  }
}

/** A flow's line, and how far it was served. */
interface Cursor<T> {
  readonly flow: Flow;
  readonly entries: readonly Entry<T>[];
  served: number;
  readonly turn: number;
}

/** A client of the level. Its lines rotate: one that was served and has more is added again at the end. */
interface Contender<T> {
  readonly standing: Standing;
  readonly cursors: Cursor<T>[];
  position: number;
}

function serveNext<T>(contender: Contender<T>): { flow: Flow; entry: Entry<T> } {
  const cursor = contender.cursors[contender.position];
  const entry = cursor?.entries[cursor.served];
  if (cursor === undefined || entry === undefined) throw new Error("Cannot forecast the queue: a line is empty");
  contender.position += 1;
  cursor.served += 1;
  if (cursor.served < cursor.entries.length) contender.cursors.push(cursor);
  return { flow: cursor.flow, entry };
}

/** The clients of the level by their number of running jobs, in each group by turn. */
function roundsOf<T>(level: Level<T>, forecast: Forecast): Map<number, Contender<T>[]> {
  const contenders = Array.from(level.parties.values(), (party) => contend(party, forecast));
  contenders.sort((a, b) => compareClients(a.standing, b.standing));
  const rounds = new Map<number, Contender<T>[]>();
  for (const contender of contenders) append(rounds, contender.standing.running, contender);
  return rounds;
}

function contend<T>({ client, lines }: Party<T>, { clients, flowTurns }: Forecast): Contender<T> {
  const standing = clients.get(client) ?? { running: client.running, turn: client.turn };
  clients.set(client, standing);
  const cursors: Cursor<T>[] = [];
  for (const { flow, entries } of lines.values()) {
    cursors.push({ flow, entries, served: 0, turn: flowTurns.get(flow) ?? flow.turn });
  }
  if (cursors.length > 1) cursors.sort(compareFlows);
  return { standing, cursors, position: 0 };
}

function append<K, V>(groups: Map<K, V[]>, key: K, value: V): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}
