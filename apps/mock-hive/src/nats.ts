// Follows a fleet's members by watching their bucket on NATS. The NATS library is loaded only when a fleet is configured.
import type { Clock } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { FleetMembers } from "./fleet-view.ts";

export interface WatchFleetOptions {
  readonly url: string;
  readonly credsFile?: string | undefined;
  /** Whether a server on another machine may have no TLS or credentials. */
  readonly insecure: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface WatchedFleet extends FleetMembers {
  close(): Promise<void>;
}

/** Connects in the background, and reconnects after a loss. @throws WaggleError invalid_argument for a server that is not allowed */
export async function watchFleet({ url, credsFile, insecure, clock, log }: WatchFleetOptions): Promise<WatchedFleet> {
  const { createMembers, memberIntervalMs, openBroker, systemChance } = await import("@waggle/fleet");
  const random = systemChance.next;
  const broker = openBroker({ url, credsFile, insecure, name: "waggle-hive", role: "hive", log, clock, random });
  const members = createMembers({ broker, clock, log });
  return {
    get connected() {
      return broker.connected;
    },
    intervalMs: memberIntervalMs,
    list: () => members.list(),
    onChange(listener) {
      const forget = [members.onChange(listener), broker.onConnection(() => listener())];
      return () => {
        for (const each of forget) each();
      };
    },
    async close() {
      await members.close();
      await broker.close();
    },
  };
}
