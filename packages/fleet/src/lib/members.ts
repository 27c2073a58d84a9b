// Owns the list of members: each keeps its heartbeat in a bucket, and a member with an old heartbeat is gone.
import type { Clock, TimerHandle } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { Connected, FleetConnection } from "./connection.ts";
import { createHeartbeat } from "./heartbeats.ts";
import { decode, fleetVersion, type Member } from "./records.ts";
import { memberTtlMs } from "./topology.ts";

const sweepIntervalMs = 1_000;
/** Changes that come together are told as one. */
const settleMs = 10;

export interface Members {
  list(): readonly Member[];
  onChange(listener: () => void): () => void;
  /** Writes our own heartbeat soon, as something in it has changed. */
  report(): void;
  /** Takes our heartbeat out, where NATS answers in time. */
  close(): Promise<void>;
}

/** @param self what we say of ourselves, asked for each time; without it we only look */
export function createMembers(
  connection: FleetConnection,
  options: { readonly self?: () => Member; readonly clock: Clock; readonly log: Logger },
): Members {
  const { self, clock, log } = options;
  const heartbeat = self === undefined ? undefined : createHeartbeat(connection, { self, clock, log });
  const known = new Map<string, { readonly member: Member; readonly at: number }>();
  const listeners = new Set<() => void>();
  let sweep: TimerHandle | undefined;
  let telling: TimerHandle | undefined;
  /** Counts the watches: what is left of an earlier one is not listened to. */
  let watches = 0;
  let again: TimerHandle | undefined;
  let stopWatching = (): void => {};

  function changed(): void {
    telling ??= clock.setTimeout(() => {
      telling = undefined;
      for (const listener of listeners) listener();
    }, settleMs);
  }

  /** Each coming watches anew: the library's own watch would find out later than heartbeats live that the server has forgotten it. */
  function watch(connected: Connected): void {
    unwatch();
    const mine = watches;
    listen(connected, mine)
      .catch((error: unknown) => log.warn({ err: error }, "fleet_members_unheard"))
      .finally(() => {
        if (mine === watches) again = clock.setTimeout(() => watch(connected), sweepIntervalMs);
      });
  }

  function unwatch(): void {
    watches += 1;
    again?.cancel();
    stopWatching();
  }

  /** Resolves when the watch has ended, or is not the present one. */
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
    // While NATS is away nobody's heartbeat can come.
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
    report: () => void heartbeat?.report(),
    async close() {
      forget();
      unwatch();
      for (const timer of [sweep, telling]) timer?.cancel();
      await heartbeat?.close();
    },
  };
}
