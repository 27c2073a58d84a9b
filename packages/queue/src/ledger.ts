// Counts each client's waiting and running jobs.

export interface Client {
  readonly name: string;
  queued: number;
  running: number;
}

export interface Ledger {
  queuedBy(client: string): number;
  /** A job of this client begins to wait. */
  enter(client: string): Client;
  /** A waiting job has left the queue without a run. */
  leave(client: Client): void;
  /** A waiting job begins to run. */
  serve(client: Client): void;
  /** A running job waits again. */
  unserve(client: Client): void;
  /** A running job has ended. */
  finish(client: Client): void;
  /** Number of waiting jobs. */
  readonly queued: number;
  /** Number of clients with a waiting or running job; other clients are forgotten. */
  readonly size: number;
}

export function createLedger(): Ledger {
  const clients = new Map<string, Client>();
  let queued = 0;

  function addQueued(client: Client, change: 1 | -1): void {
    client.queued += change;
    queued += change;
  }

  function forgetIfIdle(client: Client): void {
    if (client.queued + client.running === 0) clients.delete(client.name);
  }

  return {
    queuedBy: (client) => clients.get(client)?.queued ?? 0,
    enter(name) {
      const client = clients.get(name) ?? { name, queued: 0, running: 0 };
      clients.set(name, client);
      addQueued(client, 1);
      return client;
    },
    leave(client) {
      addQueued(client, -1);
      forgetIfIdle(client);
    },
    serve(client) {
      addQueued(client, -1);
      client.running += 1;
    },
    unserve(client) {
      addQueued(client, 1);
      client.running -= 1;
    },
    finish(client) {
      client.running -= 1;
      forgetIfIdle(client);
    },
    get queued() {
      return queued;
    },
    get size() {
      return clients.size;
    },
  };
}
