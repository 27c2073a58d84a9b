// Owns a member's heartbeat: a record in the bucket of members, written every few seconds and deleted when the member leaves.
import { inBackground } from "@waggle/async";
import type { TimerHandle } from "@waggle/async";
import { errorReason } from "@waggle/daemon/terminal";
import type { MemberContext } from "../broker/member-context.ts";
import { keys } from "../broker/names.ts";
import { decodeOwn, encode, type Member } from "../queue/records.ts";

const reporting = "report to the fleet";

export const memberIntervalMs = 5_000;
/** How long a leaving member waits for its last writes. Then the other members notice the missing heartbeats. */
const lastWritesMs = 1_000;

export interface Heartbeat {
  /** Writes the record now. Resolves when the broker has it, or when the write failed; never throws. */
  report(): Promise<void>;
  /** Deletes the record, if the broker answers within a second. Never throws. */
  close(): Promise<void>;
}

export interface HeartbeatOptions extends Pick<MemberContext, "broker" | "clock" | "log"> {
  /** Returns the member's record; called for each heartbeat. Undefined while it is not a member. */
  readonly self: () => Member | undefined;
  /** Called when another process has written a record with this member's id. */
  readonly onOther?: (other: Member) => void;
}

export function createHeartbeat({ broker, clock, log, self, onOther }: HeartbeatOptions): Heartbeat {
  let timer: TimerHandle | undefined;
  let writing: Promise<void> = Promise.resolve();
  let closed = false;
  /** The revision of this member's last record. Another process with the same id would change it. */
  let revision: number | undefined;
  const { members } = broker.records;

  async function write(): Promise<void> {
    const member = self();
    if (member === undefined) return;
    const key = keys.member(member.kind, member.id);
    const value = encode(member);
    try {
      const written = await members.put(key, value, revision);
      if (written === undefined) await checkOther(key, member);
      // A member that has left, because another process has its id, overwrites that process's record when it gets the id again.
      revision = self() === undefined ? undefined : (written ?? (await members.put(key, value)));
    } catch (error) {
      revision = undefined;
      log.debug({ reason: errorReason(error) }, "fleet_heartbeat_failed");
    }
  }

  /** The record is not the one that this member wrote last: it has expired, or another process has written one. */
  async function checkOther(key: string, { instance }: Member): Promise<void> {
    const found = await members.get(key);
    const other = found && decodeOwn<Member>(found.value);
    if (other?.instance !== undefined && other.instance !== instance) onOther?.(other);
  }

  async function report(): Promise<void> {
    if (closed) return;
    timer?.cancel();
    timer = clock.setTimeout(() => inBackground(reporting, report()), memberIntervalMs);
    if (broker.connected) writing = writing.then(write);
    await writing;
  }

  async function remove(): Promise<void> {
    const member = self();
    if (member !== undefined && broker.connected) await members.delete(keys.member(member.kind, member.id));
  }

  const forget = broker.onConnection((connected) => {
    if (connected) inBackground(reporting, report());
  });

  return {
    report,
    async close() {
      closed = true;
      forget();
      timer?.cancel();
      await new Promise<void>((resolve) => {
        const limit = clock.setTimeout(resolve, lastWritesMs);
        const removed = writing.then(remove).catch(() => {});
        inBackground("leave the list", removed.then(() => limit.cancel()).then(resolve));
      });
    },
  };
}
