// Owns what the queue knows about clients and their flows: how many jobs each has, and whose turn came when. It knows no entries.

/** The jobs of one client that belong together (a session, say). */
export interface Flow {
  readonly client: Client;
  readonly name: string;
  /** Grows with every turn; negative for who never had one, and then in the order of arrival. No two are equal. */
  turn: number;
  queued: number;
  running: number;
}

export interface Client {
  readonly name: string;
  turn: number;
  queued: number;
  running: number;
  readonly flows: Map<string, Flow>;
}

/** Whose turn came when, before somebody was served. */
export interface Turns {
  readonly flow: number;
  readonly client: number;
}

export interface Ledger {
  queuedBy(client: string): number;
  /** One more job of this flow waits. */
  enter(client: string, flow: string): Flow;
  /** One that waited has left. */
  leave(flow: Flow): void;
  /** One that waited runs: it was this client's and this flow's turn. Returns the turns they had before. */
  serve(flow: Flow): Turns;
  /** One that ran waits again, and its turn does not count. */
  unserve(flow: Flow, before: Turns): void;
  /** One that ran has ended. */
  finish(flow: Flow): void;
  /** Clients that have a job here. */
  readonly size: number;
}

/**
 * A client or flow is known as long as it has a job that waits or runs, so the memory is bounded by the number of those. To forget it
 * then is fair: who has no job here while another is served has had no turn to lose.
 */
export function createLedger(): Ledger {
  const clients = new Map<string, Client>();
  let nextTurn = 1;
  let nextArrival = Number.MIN_SAFE_INTEGER;

  function arrive(): { turn: number; queued: number; running: number } {
    return { turn: nextArrival++, queued: 0, running: 0 };
  }

  function forgetIfIdle(flow: Flow): void {
    const { client } = flow;
    if (flow.queued + flow.running === 0) client.flows.delete(flow.name);
    if (client.queued + client.running === 0) clients.delete(client.name);
  }

  function findClient(name: string): Client {
    const client = clients.get(name) ?? { name, flows: new Map<string, Flow>(), ...arrive() };
    clients.set(name, client);
    return client;
  }

  return {
    queuedBy: (client) => clients.get(client)?.queued ?? 0,
    enter(clientName, flowName) {
      const client = findClient(clientName);
      const flow = client.flows.get(flowName) ?? { client, name: flowName, ...arrive() };
      client.flows.set(flowName, flow);
      client.queued += 1;
      flow.queued += 1;
      return flow;
    },
    leave(flow) {
      flow.client.queued -= 1;
      flow.queued -= 1;
      forgetIfIdle(flow);
    },
    serve(flow) {
      const before = { flow: flow.turn, client: flow.client.turn };
      const turn = nextTurn++;
      for (const who of [flow, flow.client]) {
        who.turn = turn;
        who.queued -= 1;
        who.running += 1;
      }
      return before;
    },
    unserve(flow, before) {
      for (const who of [flow, flow.client]) {
        who.queued += 1;
        who.running -= 1;
      }
      // Several may be put back, in any order: the earliest turn is the one that none of them has had.
      flow.turn = Math.min(flow.turn, before.flow);
      flow.client.turn = Math.min(flow.client.turn, before.client);
    },
    finish(flow) {
      flow.client.running -= 1;
      flow.running -= 1;
      forgetIfIdle(flow);
    },
    get size() {
      return clients.size;
    },
  };
}
