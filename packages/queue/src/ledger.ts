// Counts each client's waiting jobs and running places.

export interface Client {
  readonly name: string;
  queued: number;
  running: number;
}

export interface Ledger {
  queuedBy(client: string): number;
  /** A job of this client begins to wait. */
  enter(client: string): Client;
  /** A job waits no longer. */
  leave(client: Client): void;
  /** A place of a job begins to run. */
  start(client: Client): void;
  /** A place of a job runs no longer. */
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
    start(client) {
      client.running += 1;
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
