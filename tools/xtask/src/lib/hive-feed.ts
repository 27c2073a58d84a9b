// Owns what one worker does at the hive, as the hive's own event feed tells it.
import { createHiveClient } from "@waggle/client";
import { createArrivals, type Arrivals } from "@waggle/harness";
import type { HiveEvent } from "@waggle/protocol";

type HeartbeatEvent = Extract<HiveEvent, { type: "heartbeat" }>;

export interface HiveFeed {
  readonly events: Arrivals<HiveEvent>;
  isRegistration(event: HiveEvent): boolean;
  isHeartbeat(event: HiveEvent): event is HeartbeatEvent;
  isDeregistration(event: HiveEvent): boolean;
}

/** Reads the feed until the signal aborts or the hive closes it. A feed that breaks is told to `onBroken`. */
export function followHive(options: {
  readonly hiveUrl: string;
  readonly workerId: string;
  readonly signal: AbortSignal;
  readonly onBroken: (error: unknown) => void;
}): HiveFeed {
  const { workerId, signal } = options;
  const events = createArrivals<HiveEvent>("hive's event feed");

  async function follow(): Promise<void> {
    for await (const event of createHiveClient({ baseUrl: options.hiveUrl }).events({ signal })) events.add(event);
  }

  follow()
    .catch((error: unknown) => {
      if (!signal.aborted) options.onBroken(error);
    })
    .finally(() => events.end());

  return {
    events,
    isRegistration: (event) => event.type === "registered" && event.worker.worker_id === workerId,
    isHeartbeat: (event): event is HeartbeatEvent =>
      event.type === "heartbeat" && event.heartbeat.worker_id === workerId,
    isDeregistration: (event) => event.type === "deregistered" && event.worker_id === workerId,
  };
}
