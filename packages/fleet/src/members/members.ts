// Owns the list of members. Each member keeps its heartbeat in a bucket; a member whose heartbeat is too old is removed from the list.
import type { Clock, TimerHandle } from "@waggle/async";
import { errorReason } from "@waggle/daemon/terminal";
import type { Logger } from "@waggle/telemetry";
import type { Connected, FleetConnection } from "../nats/connection.ts";
import { createHeartbeat, type Heartbeat } from "./heartbeats.ts";
import { decode, fleetVersion, type Member } from "../queue/records.ts";
import { memberTtlMs } from "../nats/topology.ts";

const sweepIntervalMs = 1_000;
/** Changes within this time are reported to the listeners in one call. */
const settleMs = 10;

export interface Members {
  list(): readonly Member[];
  onChange(listener: () => void): () => void;
  /** Writes our heartbeat, now and every few seconds. @param self returns our member record; called for each heartbeat */
  report(self: () => Member): void;
  /** Ends the watch and our heartbeats, and deletes our record if NATS answers in time. */
  close(): Promise<void>;
}

export function createMembers(
  connection: FleetConnection,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Members {
  let heartbeat: Heartbeat | undefined;
  const known = new Map<string, { readonly member: Member; readonly at: number }>();
  const listeners = new Set<() => void>();
  let sweep: TimerHandle | undefined;
  let notifying: TimerHandle | undefined;
  /** Counts the watches: entries of an earlier watch are ignored. */
  let watches = 0;
  let again: TimerHandle | undefined;
  let stopWatching = (): void => {};

  function changed(): void {
    notifying ??= clock.setTimeout(() => {
      notifying = undefined;
      for (const listener of listeners) listener();
    }, settleMs);
  }

  /** Starts a new watch on each connection: when a server loses a watch, the library notices only after the heartbeats have expired. */
  function watch(connected: Connected): void {
    unwatch();
    const mine = watches;
    listen(connected, mine)
      .catch((error: unknown) => log.warn({ reason: errorReason(error) }, "fleet_members_failed"))
      .finally(() => {
        if (mine === watches) again = clock.setTimeout(() => watch(connected), sweepIntervalMs);
      });
  }

  function unwatch(): void {
    watches += 1;
    again?.cancel();
    stopWatching();
  }

  /** Resolves when the watch has ended, or a newer watch has replaced it. */
  async function listen({ buckets }: Connected, mine: number): Promise<void> {
    const entries = await buckets.members.watch();
    if (mine !== watches) return entries.stop();
    stopWatching = () => entries.stop();
    for await (const { key, operation, value } of entries) {
      if (mine !== watches) return;
      if (operation === "PUT") take(key, value);
      else if (known.delete(key)) changed();
    }
  }

  function take(key: string, value: Uint8Array): void {
    try {
      const member = decode<Member>(value);
      if (member.version !== fleetVersion) return;
      known.set(key, { member, at: clock.now() });
      changed();
    } catch (error) {
      log.warn({ err: error, key }, "fleet_member_unreadable");
    }
  }

  function sweepOld(): void {
    sweep = clock.setTimeout(sweepOld, sweepIntervalMs);
    // While NATS is away no heartbeat can arrive.
    if (!connection.connected) return;
    for (const [key, { at }] of known) {
      if (clock.now() - at > memberTtlMs) {
        known.delete(key);
        changed();
      }
    }
  }

  const forget = connection.onChange((connected) => {
    if (connected === undefined) return unwatch();
    const now = clock.now();
    for (const [key, { member }] of known) known.set(key, { member, at: now });
    watch(connected);
  });
  sweepOld();

  return {
    list: () => [...known].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { member }]) => member),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    report(self) {
      heartbeat ??= createHeartbeat(connection, { self, clock, log });
      void heartbeat.report();
    },
    async close() {
      forget();
      unwatch();
      for (const timer of [sweep, notifying]) timer?.cancel();
      await heartbeat?.close();
    },
  };
}
