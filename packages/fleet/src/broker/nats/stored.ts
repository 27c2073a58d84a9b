// Implements the stores of records and of pieces of pictures on buckets and a stream of NATS, and reads how full the stores are.
import { inBackground } from "@waggle/async";
import type { KV, KvEntry } from "@nats-io/kv";
import { DeliverPolicy, type JetStreamManager } from "@nats-io/jetstream";
import type { Clock, TimerHandle } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import {
  answerLimitMs,
  type Bucket,
  type PieceStore,
  type Records,
  type StoredRecord,
  type StoreUse,
} from "../port.ts";
import type { NatsLink } from "./connection.ts";
import { isStreamFull, isWrongSequence } from "./nats-errors.ts";
import { heartbeatMs, keepConsumer } from "./subscription.ts";
import { bucketNames, jobsStream, picturesStream } from "./topology.ts";

/** A bucket's message with this header is the marker of a deleted record. */
const operationHeader = "KV-Operation";
/** How long a list of records waits for the next one before it asks whether there are more. */
const quietMs = 100;

interface RecordsOptions {
  readonly link: NatsLink;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createRecords(bucket: Bucket, options: RecordsOptions): Records {
  const { link, clock } = options;
  const { call } = link;
  /** The largest revision so far. After a smaller one, another member may have made the bucket again. */
  let largest = 0;

  async function write<T>(what: string, request: (kv: KV) => Promise<T>): Promise<T | undefined> {
    return await call(what, async ({ buckets }) => {
      try {
        return await request(buckets[bucket]);
      } catch (error) {
        if (isWrongSequence(error)) return undefined;
        throw error;
      }
    });
  }

  function seen(revision: number): void {
    if (revision >= largest) return void (largest = revision);
    // The answers of two concurrent writes can also arrive in the other order. A failed check is repeated after the next write.
    void link.checkStores().then(
      () => (largest = revision),
      () => {},
    );
  }

  return {
    get: async (key) =>
      await call("read a record of the fleet", async ({ buckets }) => {
        const entry = await buckets[bucket].get(key);
        return entry === null || entry.operation !== "PUT" ? undefined : recordOf(entry);
      }),
    async put(key, value, revision) {
      const written = await write("write a record of the fleet", async (kv) => {
        if (revision === undefined) return await kv.put(key, value);
        return revision === 0 ? await create(kv, key, value) : await kv.update(key, value, revision);
      });
      if (written !== undefined) seen(written);
      return written;
    },
    async delete(key, revision) {
      const deleted = await write("delete a record of the fleet", async (kv) => {
        await kv.delete(key, revision === undefined ? {} : { previousSeq: revision });
        return true;
      });
      return deleted === true;
    },
    list: async () =>
      await call("list the records of the fleet", async ({ buckets }) => await readAll(buckets[bucket], clock)),
    watch(listener) {
      const prefix = `$KV.${bucketNames[bucket]}.`;
      // A watch of the library notices the loss of the bucket only after a minute.
      const watch = keepConsumer({
        ...options,
        what: "watch the records of the fleet",
        async consume({ js }, isCurrent) {
          const consumer = await js.consumers.get(`KV_${bucketNames[bucket]}`, {
            filter_subjects: `${prefix}>`,
            deliver_policy: DeliverPolicy.LastPerSubject,
          });
          const messages = await consumer.consume({
            idle_heartbeat: heartbeatMs,
            callback({ subject, data: value, seq: revision, headers, timestampNanos }) {
              if (!isCurrent()) return;
              const key = subject.slice(prefix.length);
              const isDeleted = headers?.has(operationHeader) === true;
              const at = Number(timestampNanos / 1_000_000n);
              listener(isDeleted ? { key, value: undefined } : { key, value, revision, at });
            },
          });
          return { consumer, messages };
        },
      });
      return () => inBackground("end a subscription", watch.close());
    },
  };
}

/** Written here because the library's `create` hides the error of a missing bucket. @throws JetStreamApiError if the key has a record */
async function create(kv: KV, key: string, value: Uint8Array): Promise<number> {
  try {
    return await kv.put(key, value, { previousSeq: 0 });
  } catch (error) {
    if (!isWrongSequence(error)) throw error;
    // A deleted record leaves a marker.
    const marker = await kv.get(key);
    if (marker === null || marker.operation === "PUT") throw error;
    return await kv.put(key, value, { previousSeq: marker.revision });
  }
}

/** Reads all records with one consumer: a request for each would take a round trip for each. */
async function readAll(kv: KV, clock: Clock): Promise<readonly StoredRecord[]> {
  const isEmpty = async (): Promise<boolean> => (await kv.status()).values === 0;
  if (await isEmpty()) return [];
  const found: StoredRecord[] = [];
  const entries = await kv.watch();
  let timer: TimerHandle | undefined;
  let expired = false;
  const wait = (): void => {
    timer?.cancel();
    timer = clock.setTimeout(lookAgain, quietMs);
  };
  // The records may have expired since the bucket was asked. The oldest expire first, so an empty bucket delivers nothing more.
  const lookAgain = (): void => {
    timer = clock.setTimeout(() => entries.stop(), answerLimitMs);
    void isEmpty().then(
      (empty) => {
        expired = empty;
        if (empty) entries.stop();
      },
      () => {},
    );
  };
  wait();
  try {
    for await (const entry of entries) {
      wait();
      if (entry.operation === "PUT") found.push(recordOf(entry));
      if (entry.delta === 0) return found;
    }
  } finally {
    timer?.cancel();
    entries.stop();
  }
  if (expired) return found;
  throw new Error("NATS did not deliver all records in time");
}

function recordOf({ key, value, revision, created }: KvEntry): StoredRecord {
  return { key, value, revision, at: created.getTime() };
}

export function createPieceStore({ call }: Pick<NatsLink, "call">): PieceStore {
  return {
    put: async (topic, data) =>
      await call("store the pictures", async ({ js }) => {
        try {
          await js.publish(topic, data);
          return "stored";
        } catch (error) {
          if (isStreamFull(error)) return "full";
          throw error;
        }
      }),
    get: async (topic) =>
      await call("read the pictures", async ({ jsm }) => {
        const query = { last_by_subj: topic };
        const found =
          (await jsm.direct.getMessage(picturesStream, query)) ??
          // A replica of the stream may not have the piece yet. Its leader has it, and takes three times as long to send it.
          (await jsm.streams.getMessage(picturesStream, query));
        return found?.data;
      }),
    remove: async (pattern) =>
      await call("delete the pictures", async ({ jsm }) => {
        await jsm.streams.purge(picturesStream, { filter: pattern });
      }),
    capacity: async () =>
      await call("store the pictures", async ({ jsm }) => (await jsm.streams.info(picturesStream)).config.max_bytes),
  };
}

export async function readStoreUse(jsm: JetStreamManager): Promise<StoreUse> {
  const read = async (name: string): Promise<number> => {
    const { config, state } = await jsm.streams.info(name);
    return Math.max(shareOf(state.bytes, config.max_bytes), shareOf(state.messages, config.max_msgs));
  };
  const [jobs, pictures] = await Promise.all([read(jobsStream), read(picturesStream)]);
  return { jobs, pictures };
}

/** @param limit -1: no limit */
function shareOf(used: number, limit: number): number {
  return limit > 0 ? used / limit : 0;
}
