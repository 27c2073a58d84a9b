// Implements the stored parts of the port on the modelled broker: jobs, events, pictures and buckets.
import { inBackground } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import type { Bucket, Delivery, EventLog, PieceStore, Records, StoredEvent, StoredRecord, WorkQueue } from "../port.ts";
import { takenForMs } from "../stores.ts";
import { follow } from "./following.ts";
import type { Member } from "./member.ts";
import type { ModelServer } from "./server.ts";
import type { Store, Stored } from "./store.ts";

const reads = { lane: "reads" } as const;

export function createWorkQueue(server: ModelServer, member: Member): WorkQueue {
  function deliveryOf(queue: string, { sequence, data }: Stored, deliveries: number): Delivery {
    const end = (): void => server.presentJobs()?.end(queue, sequence);
    const extend = (ms: number): void => member.post(() => server.presentJobs()?.extend(queue, sequence, ms), "acks");
    return {
      data: data ?? new Uint8Array(),
      deliveries,
      working: () => extend(takenForMs),
      done: async () => await member.call(end).catch(() => {}),
      giveBack: extend,
      drop: () => member.post(end, "acks"),
    };
  }

  return {
    put: async (topic, data, id) => await member.call(() => server.jobs().put(topic, data, id), { topic }),
    has: async (pattern) => await member.call(() => server.jobs().has(pattern), reads),
    open: async (queue, pattern) => await member.call(() => server.jobs().open(queue, pattern)),
    async take(queue) {
      const taken = await member.call(() => server.jobs().take(queue), { lane: "deliveries" });
      return taken && deliveryOf(queue, taken.job, taken.deliveries);
    },
    list: async () => await member.call(() => server.jobs().list()),
    sizeOf: async (queue) => await member.call(() => server.jobs().sizeOf(queue)),
    remove: async (queue) => await member.call(() => server.jobs().remove(queue)),
  };
}

export function createEventLog(server: ModelServer, member: Member): EventLog {
  const events = (): Store => server.store("events");
  return {
    async append(topic, data, after) {
      const run = (): { readonly sequence: number } | "moved" => {
        const store = events();
        if ((store.last(topic)?.sequence ?? 0) !== after) return "moved";
        return { sequence: store.add(topic, data)?.sequence ?? 0 };
      };
      return await member.call<ReturnType<typeof run> | "denied">(run, { topic, denied: "denied" });
    },
    async last(topic) {
      const found = await member.call(() => events().last(topic), reads);
      return found && eventOf(found);
    },
    read: async (topic) => (await member.call(() => events().list(topic), reads)).map(eventOf),
    follow: (pattern, from, take) => follow(member, events, { pattern, from, take: (stored) => take(eventOf(stored)) }),
    trim: async (pattern) =>
      await member.call(() => {
        for (const { sequence } of events().list(pattern).slice(0, -1)) events().remove(sequence);
      }),
  };
}

function eventOf({ data = new Uint8Array(), ...rest }: Stored): StoredEvent {
  return { ...rest, data };
}

export function createPieceStore(server: ModelServer, member: Member): PieceStore {
  const pictures = (): Store => server.store("pictures");
  return {
    put: async (topic, data) =>
      await member.call(() => (pictures().add(topic, data) === undefined ? "full" : "stored"), { topic }),
    get: async (topic) => await member.call(() => pictures().last(topic)?.data, reads),
    remove: async (pattern) =>
      await member.call(() => {
        for (const { sequence } of pictures().list(pattern)) pictures().remove(sequence);
      }),
    capacity: async () => await member.call(() => pictures().limits.bytes ?? Infinity),
  };
}

export function createRecords(server: ModelServer, member: Member, bucket: Bucket): Records {
  const records = (): Store => server.store(`records.${bucket}`);

  /** Writes the record, or with `value` undefined deletes it, if its revision is the expected one. Returns the new revision. */
  async function write(key: string, value: Uint8Array | undefined, expected?: number): Promise<number | undefined> {
    const run = (): number | undefined => {
      const present = records().last(key);
      const revision = present?.data === undefined ? 0 : present.sequence;
      if (expected !== undefined && expected !== revision) return undefined;
      const stored = records().add(key, value);
      if (stored === undefined) throw new WaggleError("unavailable", `Cannot write ${key}: the bucket is full.`);
      return stored.sequence;
    };
    return await member.call(run, { topic: `records.${bucket}.${key}` });
  }

  return {
    async get(key) {
      const found = await member.call(() => records().last(key), reads);
      return found && recordOf(found);
    },
    put: write,
    delete: async (key, revision) => (await write(key, undefined, revision)) !== undefined,
    list: async () => (await member.call(() => records().list(">"), reads)).flatMap((stored) => recordOf(stored) ?? []),
    watch(listener) {
      const { close } = follow(member, records, {
        pattern: ">",
        from: "anew",
        take: (stored) => listener(recordOf(stored) ?? { key: stored.topic, value: undefined }),
      });
      return () => inBackground("end a subscription", close());
    },
  };
}

/** Undefined for a deleted record. */
function recordOf({ topic: key, data: value, sequence: revision, at }: Stored): StoredRecord | undefined {
  return value && { key, value, revision, at };
}
