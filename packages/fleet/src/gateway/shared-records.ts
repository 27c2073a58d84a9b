// Owns the gateways' shared records in buckets: the live job of each session, and the job records with which another gateway takes a job over.
import { WaggleError } from "@waggle/protocol";
import type { MemberContext } from "../broker/member-context.ts";
import { keys } from "../broker/names.ts";
import type { StoredRecord } from "../broker/port.ts";
import { requireFit } from "../broker/sizes.ts";
import {
  decode,
  decodeOwn,
  encode,
  encodeOffThread,
  type FoundRecord,
  type JobRecord,
  type SessionRecord,
} from "../queue/records.ts";
import type { GatewaySide } from "./gateway-port.ts";

/** How long a claim is tried while other gateways claim the same session. */
const claimTimeoutMs = 5_000;
/** Limit of attempts to reserve an id. After a failed attempt, the job that had the id may have released it. */
const mostCreations = 3;
/** Longest random pause before another attempt, so that two gateways do not collide again. */
const longestPauseMs = 10;
/** Seconds until a client may retry what other gateways prevented. */
const retryAfterS = 2;

export function createSessions({
  broker,
  clock,
  chance,
}: Pick<MemberContext, "broker" | "clock" | "chance">): GatewaySide["sessions"] {
  const { sessions } = broker.records;
  return {
    async get(client, sessionId) {
      const found = await sessions.get(keys.session(client, sessionId));
      return found && decode<SessionRecord>(found.value);
    },
    async claim(client, sessionId, record) {
      const key = keys.session(client, sessionId);
      const endsAt = clock.now() + claimTimeoutMs;
      do {
        const found = await sessions.get(key);
        const before = found && decode<SessionRecord>(found.value);
        if (before !== undefined && isNewer(before, record)) return { newer: before };
        if ((await sessions.put(key, encode(record), found?.revision ?? 0)) !== undefined) return { before };
        await new Promise<void>((resolve) => clock.setTimeout(resolve, chance.next() * longestPauseMs));
      } while (clock.now() < endsAt);
      throw contended("claim the session", "other gateways claim it at the same time");
    },
    async release(client, sessionId, { gateway, jobId }) {
      const key = keys.session(client, sessionId);
      try {
        const found = await sessions.get(key);
        if (found === undefined) return;
        const now = decode<SessionRecord>(found.value);
        if (now.gateway === gateway && now.jobId === jobId) await sessions.delete(key, found.revision);
      } catch {
        // The key expires.
      }
    },
  };
}

/** The broker's times decide. A claim without a time is as old as its write. */
function isNewer(before: SessionRecord, { acceptedAt }: SessionRecord): boolean {
  return before.acceptedAt !== undefined && acceptedAt !== undefined && before.acceptedAt > acceptedAt;
}

function contended(what: string, why: string): WaggleError {
  return new WaggleError("unavailable", `Cannot ${what}: ${why}.`, { retryAfterS });
}

export function createJobRecords({ broker }: Pick<MemberContext, "broker">): GatewaySide["records"] {
  const { jobs } = broker.records;
  const keyOf = ({ spec, id }: JobRecord): string => keys.job(spec.who.client, id);

  /** Undefined for a record of another version. */
  function read({ value, revision }: StoredRecord): FoundRecord | undefined {
    const record = decodeOwn<JobRecord>(value);
    return record && { record, revision };
  }

  return {
    async create(record) {
      const key = keyOf(record);
      const data = await encodeOffThread(record);
      requireFit(broker, data, "hand the job to the fleet");
      for (let creation = 0; creation < mostCreations; creation += 1) {
        const revision = await jobs.put(key, data, 0);
        if (revision !== undefined) return { revision };
        const there = await jobs.get(key);
        const taken = there && read(there);
        if (taken !== undefined) return { taken };
        if (there !== undefined) return { foreign: true };
      }
      throw contended("keep the job's record", "other jobs take and release its id at the same time");
    },
    async get(client, jobId) {
      const found = await jobs.get(keys.job(client, jobId));
      return found && read(found);
    },
    update: async (record, revision) => await jobs.put(keyOf(record), await encodeOffThread(record), revision),
    remove: async (client, jobId, revision) => await jobs.delete(keys.job(client, jobId), revision),
    list: async () => (await jobs.list()).map(read).filter((found) => found !== undefined),
  };
}
