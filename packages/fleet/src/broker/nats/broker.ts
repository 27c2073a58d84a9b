// Composes the broker on NATS. This folder is the only one that uses NATS's libraries.
import type { Broker } from "../port.ts";
import { createBrokerClock } from "./broker-clock.ts";
import { openNatsLink, type ConnectionOptions } from "./connection.ts";
import { createEventLog } from "./event-log.ts";
import { createMessages } from "./messages.ts";
import { createPieceStore, createRecords, readStoreUse } from "./stored.ts";
import { createWorkQueue } from "./work-queue.ts";

export type { ConnectionOptions } from "./connection.ts";

/** Bytes of a message that are reserved for its headers. */
const headerRoomBytes = 1_024;

/** Connects in the background, and reconnects after a loss. @throws WaggleError invalid_argument for a server that is not allowed */
export function openBroker(options: ConnectionOptions): Broker {
  const link = openNatsLink(options);
  const parts = { ...options, link };
  const brokerClock = createBrokerClock(options.clock);
  const connected = (): boolean => link.connected;
  return {
    get connected() {
      return link.connected;
    },
    onConnection(listener) {
      let last = false;
      return link.onChange((connection) => {
        if (last === (connection !== undefined)) return;
        last = !last;
        listener(last);
      });
    },
    onDenied: link.onDenied,
    get mostBytes() {
      return link.connected ? (link.use().nc.info?.max_payload ?? Infinity) - headerRoomBytes : Infinity;
    },
    now: brokerClock.now,
    messages: createMessages({ ...link, connected }),
    jobs: createWorkQueue(link),
    events: createEventLog({ ...parts, brokerClock }),
    pictures: createPieceStore(link),
    records: {
      members: createRecords("members", parts),
      cancels: createRecords("cancels", parts),
      sessions: createRecords("sessions", parts),
      jobs: createRecords("jobs", parts),
    },
    storeUse: async () =>
      await link.call("read how full the fleet's stores are", async ({ jsm }) => await readStoreUse(jsm)),
    close: link.close,
  };
}
