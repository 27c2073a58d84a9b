// Follows the hive's event feed, and selects the events of one worker.
import { createHiveClient } from "@waggle/client";
import { createArrivals, type Arrivals } from "@waggle/testing/harness";
import type { HiveEvent } from "@waggle/protocol";

/** Reads the feed until the signal aborts or the hive closes it. A feed that breaks calls `onBroken`. */
export function followHive(
  baseUrl: string,
  signal: AbortSignal,
  onBroken: (error: unknown) => void,
): Arrivals<HiveEvent> {
  const events = createArrivals<HiveEvent>("hive's event feed");
  async function follow(): Promise<void> {
    for await (const event of createHiveClient({ baseUrl }).events({ signal })) events.add(event);
  }
  follow()
    .catch((error: unknown) => {
      if (!signal.aborted) onBroken(error);
    })
    .finally(() => events.end());
  return events;
}

type Beat = Extract<HiveEvent, { type: "heartbeat" }>;

export const isSnapshot = ({ type }: HiveEvent): boolean => type === "snapshot";

export const isRegistration =
  (workerId: string) =>
  (event: HiveEvent): boolean =>
    event.type === "registered" && event.worker.worker_id === workerId;

export const isHeartbeat =
  (workerId: string) =>
  (event: HiveEvent): event is Beat =>
    event.type === "heartbeat" && event.heartbeat.worker_id === workerId;

export const isDeregistration =
  (workerId: string) =>
  (event: HiveEvent): boolean =>
    event.type === "deregistered" && event.worker_id === workerId;
