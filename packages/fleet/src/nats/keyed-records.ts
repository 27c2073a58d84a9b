// Owns the gateways' shared records in buckets: the live job of each session, and the job records with which another gateway takes a job over.
import { sleep } from "@waggle/async";
import type { FleetConnection } from "./connection.ts";
import { attempt, isWrongSequence, unavailable } from "./nats-errors.ts";
import { keys } from "./names.ts";
import { requireFit } from "./publish.ts";
import { decode, decodeOwn, encode, type FoundRecord, type JobRecord, type SessionRecord } from "../queue/records.ts";
import type { GatewaySide } from "../gateway/gateway-port.ts";

/** How long a claim is retried while other gateways claim the same session. */
const claimTimeoutMs = 5_000;
/** Limit of attempts to reserve an id. After a failed attempt, the job that had the id may have released it. */
const mostCreations = 3;
/** Longest random pause before another attempt, so that two gateways do not collide again. */
const longestPauseMs = 10;

export function createSessions(connection: FleetConnection): GatewaySide["sessions"] {
  return {
    get: async (client, sessionId) =>
      await attempt("look for the session", async () => {
        const found = await connection.use().buckets.sessions.get(keys.session(client, sessionId));
        return found?.operation === "PUT" ? decode<SessionRecord>(found.value) : undefined;
      }),
    async claim(client, sessionId, record) {
      const key = keys.session(client, sessionId);
      const endsAt = performance.now() + claimTimeoutMs;
      return await attempt("claim the session", async () => {
        const { sessions } = connection.use().buckets;
        do {
          const found = await sessions.get(key);
          try {
            // Revision 0 means that there is no record, but the library's `update` does not accept 0.
            await sessions.put(key, encode(record), { previousSeq: found?.revision ?? 0 });
            return found?.operation === "PUT" ? decode<SessionRecord>(found.value) : undefined;
          } catch (error) {
            if (!isWrongSequence(error)) throw error;
          }
          await sleep(Math.random() * longestPauseMs);
        } while (performance.now() < endsAt);
        throw new Error("other gateways claim it at the same time");
      });
    },
    async release(client, sessionId, record) {
      const key = keys.session(client, sessionId);
      try {
        const { sessions } = connection.use().buckets;
        const found = await sessions.get(key);
        if (found?.operation !== "PUT") return;
        const { gateway, jobId } = decode<SessionRecord>(found.value);
        if (gateway !== record.gateway || jobId !== record.jobId) return;
        await sessions.delete(key, { previousSeq: found.revision });
      } catch {
        // Another job has the session by now, or the key expires.
      }
    },
  };
}

export function createJobRecords(connection: FleetConnection): GatewaySide["records"] {
  const jobRecordKey = ({ spec, id }: JobRecord): string => keys.job(spec.who.client, id);

  async function get(key: string): Promise<FoundRecord | undefined> {
    const found = await connection.use().buckets.jobs.get(key);
    if (found?.operation !== "PUT") return undefined;
    const record = decodeOwn<JobRecord>(found.value);
    return record === undefined ? undefined : { record, revision: found.revision };
  }

  return {
    async create(record) {
      const key = jobRecordKey(record);
      const { nc, buckets } = connection.use();
      const data = encode(record);
      requireFit(nc, data, "hand the job to the fleet");
      return await attempt("keep the job's record", async () => {
        for (let creation = 0; creation < mostCreations; creation += 1) {
          try {
            return { revision: await buckets.jobs.create(key, data) };
          } catch (error) {
            if (!isWrongSequence(error)) throw error;
          }
          const taken = await get(key);
          if (taken !== undefined) return { taken };
        }
        throw new Error("other jobs take and release its id at the same time");
      });
    },
    get: async (client, jobId) => await attempt("look for the job", async () => await get(keys.job(client, jobId))),
    async update(record, revision) {
      try {
        return await connection.use().buckets.jobs.update(jobRecordKey(record), encode(record), revision);
      } catch (error) {
        if (isWrongSequence(error)) return undefined;
        throw unavailable("change the job's record", error);
      }
    },
    async remove(client, jobId, revision) {
      try {
        await connection.use().buckets.jobs.delete(keys.job(client, jobId), { previousSeq: revision });
      } catch (error) {
        if (!isWrongSequence(error)) throw unavailable("forget the job", error);
      }
    },
    async *list() {
      try {
        for await (const key of await connection.use().buckets.jobs.keys()) {
          const found = await get(key);
          if (found !== undefined) yield found;
        }
      } catch (error) {
        throw unavailable("list the jobs", error);
      }
    },
  };
}
