// Owns a member's heartbeat: a record in the bucket of members, written every few seconds and deleted when the member leaves.
import type { Clock, TimerHandle } from "@waggle/async";
import { errorReason } from "@waggle/daemon/terminal";
import type { Logger } from "@waggle/telemetry";
import { waitForLast } from "../nats/publish.ts";
import type { FleetConnection } from "../nats/connection.ts";
import { keys } from "../nats/names.ts";
import { encode, type Member } from "../queue/records.ts";

export const memberIntervalMs = 5_000;

export interface Heartbeat {
  /** Writes the record now. Resolves when NATS has it, or when the write failed; never throws. */
  report(): Promise<void>;
  /** Deletes the record. */
  close(): Promise<void>;
}

/** @param self returns the member's record; called for each heartbeat */
export function createHeartbeat(
  connection: FleetConnection,
  { self, clock, log }: { readonly self: () => Member; readonly clock: Clock; readonly log: Logger },
): Heartbeat {
  let timer: TimerHandle | undefined;
  let writing: Promise<void> = Promise.resolve();
  let closed = false;

  async function write(): Promise<void> {
    const member = self();
    try {
      await connection.use().buckets.members.put(keys.member(member.kind, member.id), encode(member));
    } catch (error) {
      log.debug({ reason: errorReason(error) }, "fleet_heartbeat_failed");
    }
  }

  async function report(): Promise<void> {
    if (closed) return;
    timer?.cancel();
    timer = clock.setTimeout(() => void report(), memberIntervalMs);
    if (connection.connected) writing = write();
    await writing;
  }

  async function remove(): Promise<void> {
    if (!connection.connected) return;
    const { kind, id } = self();
    await connection.use().buckets.members.delete(keys.member(kind, id));
  }

  const forget = connection.onChange((connected) => {
    if (connected !== undefined) void report();
  });

  return {
    report,
    async close() {
      closed = true;
      forget();
      timer?.cancel();
      await waitForLast(writing.then(remove));
    },
  };
}
