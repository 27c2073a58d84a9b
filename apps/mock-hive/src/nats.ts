// Owns how the hive hears of a fleet's members: it looks into their bucket on NATS. The library is loaded only where there is a fleet.
import type { Clock } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { FleetMembers } from "./fleet-view.ts";

export interface WatchFleetOptions {
  readonly url: string;
  readonly credsFile?: string | undefined;
  /** Lets a server on another machine be talked to without TLS or credentials. */
  readonly insecure: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface WatchedFleet extends FleetMembers {
  close(): Promise<void>;
}

/** Connects in the background, and again whenever it has to. @throws WaggleError invalid_argument where it must not */
export async function watchFleet({ url, credsFile, insecure, clock, log }: WatchFleetOptions): Promise<WatchedFleet> {
  const { createMembers, memberIntervalMs, openConnection } = await import("@waggle/fleet");
  const connection = openConnection({ url, credsFile, insecure, name: "waggle-hive", log, clock });
  const members = createMembers(connection, { clock, log });
  return {
    get connected() {
      return connection.connected;
    },
    intervalMs: memberIntervalMs,
    list: () => members.list(),
    onChange(listener) {
      const forget = [members.onChange(listener), connection.onChange(() => listener())];
      return () => {
        for (const each of forget) each();
      };
    },
    async close() {
      await members.close();
      await connection.close();
    },
  };
}
