// Owns the list of members. Each member keeps its heartbeat in a bucket; a member whose heartbeat is too old is removed from the list.
import { inBackground } from "@waggle/async";
import type { TimerHandle } from "@waggle/async";
import type { MemberContext } from "../broker/member-context.ts";
import type { DeletedRecord, StoredRecord } from "../broker/port.ts";
import { bucketLifetimesMs } from "../broker/stores.ts";
import { decode, decodeOwn, fleetVersion, type Member } from "../queue/records.ts";
import { createHeartbeat, type Heartbeat } from "./heartbeats.ts";

const sweepIntervalMs = 1_000;
/** Changes within this time are reported to the listeners in one call. */
const settleMs = 10;

export interface Members {
  list(): readonly Member[];
  onChange(listener: () => void): () => void;
  /** Writes our heartbeat, now and every few seconds. @param self returns our member record; called for each heartbeat */
  report(self: () => Member): void;
  /** Ends the watch and our heartbeats, and deletes our record if the broker answers in time. */
  close(): Promise<void>;
}

export function createMembers({ broker, clock, log }: Pick<MemberContext, "broker" | "clock" | "log">): Members {
  let heartbeat: Heartbeat | undefined;
  const known = new Map<string, { readonly member: Member; readonly at: number }>();
  const listeners = new Set<() => void>();
  const refused = new Set<string>();
  let sweep: TimerHandle | undefined;
  let notifying: TimerHandle | undefined;

  function changed(): void {
    notifying ??= clock.setTimeout(() => {
      notifying = undefined;
      for (const listener of listeners) listener();
    }, settleMs);
  }

  function take({ key, value }: StoredRecord | DeletedRecord): void {
    const member = value && decodeOwn<Member>(value);
    if (member !== undefined) known.set(key, { member, at: clock.now() });
    else if (value !== undefined) return refuse(key, value);
    else if (!known.delete(key)) return;
    changed();
  }

  /** Reports each member of another version once: it has fields that this version does not know. */
  function refuse(key: string, value: Uint8Array): void {
    const version = versionOf(value);
    if (version === undefined || refused.has(`${key} ${version}`)) return;
    refused.add(`${key} ${version}`);
    const reason = `Cannot use member ${key}: its fleet version is ${version}, and this program's is ${fleetVersion}. Install one version of Waggle on both.`;
    log.warn({ reason }, "fleet_member_refused");
  }

  function sweepOld(): void {
    sweep = clock.setTimeout(sweepOld, sweepIntervalMs);
    // While the broker is away no heartbeat can arrive.
    if (!broker.connected) return;
    for (const [key, { at }] of known) {
      if (clock.now() - at > bucketLifetimesMs.members) {
        known.delete(key);
        changed();
      }
    }
  }

  const forget = broker.onConnection((connected) => {
    if (!connected) return;
    const now = clock.now();
    for (const [key, { member }] of known) known.set(key, { member, at: now });
  });
  const unwatch = broker.records.members.watch(take);
  sweepOld();

  return {
    list: () => [...known].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { member }]) => member),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    report(self) {
      heartbeat ??= createHeartbeat({ broker, self, clock, log });
      inBackground("report to the fleet", heartbeat.report());
    },
    async close() {
      forget();
      unwatch();
      for (const timer of [sweep, notifying]) timer?.cancel();
      await heartbeat?.close();
    },
  };
}

/** Undefined for bytes that are not from a member of any version. */
function versionOf(value: Uint8Array): number | undefined {
  try {
    const { version } = Object(decode(value)) as { readonly version?: unknown };
    return typeof version === "number" ? version : undefined;
  } catch {
    return undefined;
  }
}
