// Owns what one worker does at the hive, as the hive's own event feed tells it.
import { createHiveClient } from "@waggle/client";
import { createArrivals } from "@waggle/harness";
import type { Heartbeat, HiveEvent } from "@waggle/protocol";

/** Each promise is of the first such event, and of one worker's. @throws TimeoutError, or Error when the feed ends before */
export interface HiveFeed {
  opened(): Promise<unknown>;
  registered(): Promise<unknown>;
  heartbeat(): Promise<Heartbeat>;
  deregistered(): Promise<unknown>;
  /** So far. */
  readonly heartbeats: number;
  readonly sawRegistration: boolean;
}

/** Reads the feed until the signal aborts or the hive closes it. A feed that breaks is told to `onBroken`. */
export function followHive(options: {
  readonly hiveUrl: string;
  readonly workerId: string;
  /** Of each wait. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly onBroken: (error: unknown) => void;
}): HiveFeed {
  const { workerId, signal, limitMs } = options;
  const events = createArrivals<HiveEvent>("hive's event feed");
  const isRegistration = (event: HiveEvent): boolean =>
    event.type === "registered" && event.worker.worker_id === workerId;
  const isHeartbeat = (event: HiveEvent): event is Extract<HiveEvent, { type: "heartbeat" }> =>
    event.type === "heartbeat" && event.heartbeat.worker_id === workerId;
  const isDeregistration = (event: HiveEvent): boolean => event.type === "deregistered" && event.worker_id === workerId;

  async function follow(): Promise<void> {
    for await (const event of createHiveClient({ baseUrl: options.hiveUrl }).events({ signal })) events.add(event);
  }

  follow()
    .catch((error: unknown) => {
      if (!signal.aborted) options.onBroken(error);
    })
    .finally(() => events.end());

  return {
    opened: () => events.first("a snapshot", ({ type }) => type === "snapshot", { limitMs }),
    registered: () => events.first("a registration", isRegistration, { limitMs }),
    heartbeat: async () => (await events.first("a heartbeat", isHeartbeat, { limitMs })).heartbeat,
    deregistered: () => events.first("a deregistration", isDeregistration, { limitMs }),
    get heartbeats() {
      return events.items.filter(isHeartbeat).length;
    },
    get sawRegistration() {
      return events.items.some(isRegistration);
    },
  };
}
