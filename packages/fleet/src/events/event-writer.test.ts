import type { JobEvent } from "@waggle/engine";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { topics } from "../broker/names.ts";
import type { Appended, Broker, EventLog } from "../broker/port.ts";
import {
  connectTo,
  file,
  finished,
  processId,
  tokenEvent,
  unique,
  until,
  useFleet,
  withParts,
} from "../testing/fleet.ts";
import { createEventWriter, type EventWriter, type EventWriterOptions } from "./event-writer.ts";
import { readHistory } from "./event-history.ts";
import { decode, type EventRecord } from "../queue/records.ts";

const fleet = useFleet();

interface Written {
  readonly writer: EventWriter;
  readonly topic: string;
  readonly losses: () => number;
  readonly stuck: string[];
  readonly tooLarge: number[];
}

function write(broker: Broker, more: Partial<EventWriterOptions> = {}): Written {
  const topic = more.topic ?? topics.events(processId("gateway"), unique("job"));
  const attempt = unique("attempt");
  const tooLarge: number[] = [];
  const stuck: string[] = [];
  let losses = 0;
  const writer = createEventWriter({
    broker,
    clock: fleet.clock,
    topic,
    after: 0,
    fence: { kind: "fence", attempt, worker: "worker", ...file },
    onLost: () => (losses += 1),
    onStuck: (reason) => stuck.push(reason),
    onTooLarge: (bytes) => tooLarge.push(bytes),
    ...more,
  });
  return { writer, topic, losses: () => losses, stuck, tooLarge };
}

/** All records of the topic, in order. */
async function recordsOf({ events }: Broker, topic: string): Promise<EventRecord[]> {
  return (await events.read(topic)).map(({ data }) => decode<EventRecord>(data));
}

function eventsOf(records: readonly EventRecord[]): JobEvent[] {
  return records.flatMap((record) => (record.kind === "events" ? record.events : []));
}

/** The broker with other parts of its log. */
function through(broker: Broker, parts: Partial<EventLog>): Broker {
  return withParts(broker, { events: withParts(broker.events, parts) });
}

/** A broker, without NATS, that answers each record in this way. */
function brokerThat(append: EventLog["append"], state: { connected: boolean } = { connected: true }): Broker {
  const broker: Pick<Broker, "connected" | "mostBytes" | "events"> = {
    get connected() {
      return state.connected;
    },
    mostBytes: Infinity,
    events: { append, last: async () => undefined } as Partial<EventLog> as EventLog,
  };
  return broker as Broker;
}

const tokens = Array.from({ length: 600 }, (_, index) => tokenEvent(index));

describe("the sequence of a worker's records of a job", () => {
  test("begins with a fence, is in order, and puts waiting events into one record", async () => {
    const broker = await connectTo(fleet);
    const { writer, topic, losses } = write(broker);
    for (const token of tokens) writer.write([token]);
    writer.engineLost(1);
    writer.repeat({ ids: [1, 2], events: 2 });
    writer.write([finished()]);
    await writer.flushed();
    const records = await recordsOf(broker, topic);
    expect(records.map(({ kind }) => kind)).toEqual([
      "fence",
      "events",
      "events",
      "events",
      "engine_lost",
      "output",
      "events",
    ]);
    expect(eventsOf(records)).toEqual([...tokens, finished()]);
    expect(records.slice(1).map((record) => "serial" in record && record.serial)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(records[5]).toMatchObject({ kind: "output", ...file });
    expect(losses()).toBe(0);
  });

  test("has one record in flight at a time", async () => {
    const broker = await connectTo(fleet);
    let flying = 0;
    let most = 0;
    const counted = through(broker, {
      async append(...message) {
        most = Math.max(most, (flying += 1));
        try {
          return await broker.events.append(...message);
        } finally {
          flying -= 1;
        }
      },
    });
    const { writer, topic } = write(counted);
    for (const token of tokens.slice(0, 50)) {
      writer.write([token]);
      await new Promise(setImmediate);
    }
    await writer.flushed();
    expect(most).toBe(1);
    expect(eventsOf(await recordsOf(broker, topic))).toEqual(tokens.slice(0, 50));
  });

  test("is written once when NATS's acknowledgement was lost", async () => {
    const broker = await connectTo(fleet);
    let attempts = 0;
    const lossy = through(broker, {
      async append(...message) {
        attempts += 1;
        const appended = await broker.events.append(...message);
        if (appended === "moved") return appended;
        throw new Error("timeout");
      },
    });
    const { writer, topic, losses } = write(lossy);
    for (const token of tokens.slice(0, 5)) {
      writer.write([token]);
      await writer.flushed();
    }
    expect(eventsOf(await recordsOf(broker, topic))).toEqual(tokens.slice(0, 5));
    expect(losses()).toBe(0);
    // Each of the six records was sent twice; at the second attempt NATS already had it.
    expect(attempts).toBe(12);
  });

  test("ends at another worker's fence, at the beginning or in the middle", async () => {
    const broker = await connectTo(fleet);
    const first = write(broker);
    first.writer.write([tokenEvent(0)]);
    await first.writer.flushed();
    const { last } = await readHistory(broker, first.topic);
    const second = write(broker, { topic: first.topic, after: last });
    await second.writer.flushed();
    first.writer.write([tokenEvent(1)]);
    await first.writer.flushed();
    first.writer.write([tokenEvent(2)]);
    const late = write(broker, { topic: first.topic });
    await late.writer.flushed();
    second.writer.write([tokenEvent(1)]);
    await second.writer.flushed();
    expect([first.losses(), second.losses(), late.losses()]).toEqual([1, 0, 1]);
    const records = await recordsOf(broker, first.topic);
    expect(records.map(({ kind }) => kind)).toEqual(["fence", "events", "fence", "events"]);
    expect(eventsOf(records)).toEqual([tokenEvent(0), tokenEvent(1)]);
  });

  test("waits for NATS to come back, and is complete then", async () => {
    const broker = await connectTo(fleet);
    const { writer, topic, losses } = write(broker);
    writer.write([tokenEvent(0)]);
    await writer.flushed();
    fleet.server.stop();
    await until(() => !broker.connected);
    writer.write([tokenEvent(1)]);
    writer.write([tokenEvent(2)]);
    fleet.server.start();
    await writer.flushed();
    expect(eventsOf(await recordsOf(broker, topic))).toEqual(tokens.slice(0, 3));
    expect(losses()).toBe(0);
  });

  test("continues when the earlier records are too old, and reports missing records", async () => {
    const broker = await connectTo(fleet);
    // The topic without its records is another topic.
    let suffix = "";
    const aging = through(broker, {
      append: (topic, ...message) => broker.events.append(topic + suffix, ...message),
      last: (topic) => broker.events.last(topic + suffix),
      read: (topic) => broker.events.read(topic + suffix),
    });
    const { writer, topic, losses } = write(aging);
    writer.write([tokenEvent(0)]);
    await writer.flushed();
    suffix = "-later";
    writer.write([tokenEvent(1)]);
    await writer.flushed();
    expect(losses()).toBe(0);
    expect(await readHistory(aging, topic)).toMatchObject({ incomplete: true });
    writer.repeat({ ids: [100, 101], events: 2 });
    await writer.flushed();
    const whole = { incomplete: false, file, output: { ids: [100, 101], events: 2 } };
    expect(await readHistory(aging, topic)).toMatchObject(whole);
  });

  test("writes nothing after `stop`, and gives up a job with too many waiting events", async () => {
    const broker = await connectTo(fleet);
    const stopped = write(broker);
    await stopped.writer.flushed();
    stopped.writer.stop();
    stopped.writer.write([tokenEvent(0)]);
    await stopped.writer.flushed();
    expect(await recordsOf(broker, stopped.topic)).toHaveLength(1);
    const away = write(brokerThat(async () => await Promise.reject(new Error("away"))));
    for (let index = 0; index < 70_000; index += 1) away.writer.write([tokenEvent(index)]);
    expect(away.losses()).toBe(1);
  });
});

describe("output above NATS's message limit", () => {
  const small = useFleet({ mostBytes: 65_536 });
  const noise = (): number[] => Array.from({ length: 2_000 }, () => Math.random());
  const vector = (index: number): JobEvent => ({
    type: "embedding",
    jobId: "local",
    index,
    vector: noise(),
    tokens: 1,
  });

  test("is split into as many records as it needs", async () => {
    const broker = await connectTo(small);
    const { writer, topic, tooLarge } = write(broker);
    const vectors = Array.from({ length: 20 }, (_, index) => vector(index));
    for (const event of vectors) writer.write([event]);
    writer.write([finished()]);
    await writer.flushed();
    const records = await recordsOf(broker, topic);
    expect(eventsOf(records)).toEqual([...vectors, finished()]);
    expect(records.slice(1).map((record) => "serial" in record && record.serial)).toEqual(
      Array.from({ length: records.length - 1 }, (_, index) => index),
    );
    expect(tooLarge).toEqual([]);
  });

  test("is reported if a single event is too long, and later events are written", async () => {
    const broker = await connectTo(small);
    const { writer, topic, tooLarge } = write(broker);
    const huge = Array.from({ length: 10 }, noise).flat();
    writer.write([tokenEvent(0)]);
    writer.write([{ type: "embedding", jobId: "local", index: 0, vector: huge, tokens: 1 }]);
    writer.write([tokenEvent(1)]);
    await writer.flushed();
    expect(tooLarge).toHaveLength(1);
    writer.repeat({ ids: Array.from({ length: 100_000 }, () => Math.floor(Math.random() * 1e6)), events: 1 });
    writer.write([finished()]);
    await writer.flushed();
    const records = await recordsOf(broker, topic);
    expect(eventsOf(records)).toEqual([tokenEvent(0), finished()]);
    expect(records.slice(1).map((record) => "serial" in record && record.serial)).toEqual([0, 1]);
  });
});

describe("a worker that cannot write records", () => {
  const moved: Appended = "moved";
  const fails = async (): Promise<Appended> => await Promise.reject(new Error("no answer"));

  /** Advances the clock in steps, with the reactions in between. */
  async function pass(clock: ReturnType<typeof createFakeClock>, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500);
      await new Promise(setImmediate);
    }
  }

  test.each([
    ["fail", fails, "no answer"],
    ["are refused", async () => moved, "another record is written each time"],
  ])("gives up after attempts that %s for fifteen seconds", async (_, append, reason) => {
    const clock = createFakeClock();
    const { stuck, losses, writer } = write(brokerThat(append), { clock });
    await pass(clock, 14_000);
    expect(stuck).toEqual([]);
    await pass(clock, 3_000);
    expect(stuck).toEqual([reason]);
    writer.write([tokenEvent(0)]);
    await pass(clock, 30_000);
    expect([stuck.length, losses(), clock.pending]).toEqual([1, 0, 0]);
  });

  test("counts no time without a connection", async () => {
    const clock = createFakeClock();
    const state = { connected: true };
    const { stuck } = write(brokerThat(fails, state), { clock });
    await pass(clock, 10_000);
    state.connected = false;
    await pass(clock, 60_000);
    state.connected = true;
    await pass(clock, 14_000);
    expect(stuck).toEqual([]);
    await pass(clock, 3_000);
    expect(stuck).toEqual(["no answer"]);
  });

  test("gives up at once without the permission", async () => {
    const { stuck, writer, topic } = write(brokerThat(async () => "denied"));
    await writer.flushed();
    expect(stuck).toEqual([`this worker has no permission to write to ${topic}`]);
  });
});

describe("the reason of a cancel", () => {
  test.each([
    ["alone", Infinity, 1],
    ["in one record with earlier events", Infinity, 40],
    ["in the last of several records", 2_000, 40],
  ])("is in the record of the job's end: %s", async (_, mostBytes, events) => {
    const records: EventRecord[] = [];
    const broker = brokerThat(async (_topic, data) => ({ sequence: records.push(decode<EventRecord>(data)) }));
    const { writer } = write(withParts(broker, { mostBytes }));
    const cancelled = { ...finished(), type: "cancelled" } as JobEvent;
    for (let index = 1; index < events; index += 1) writer.write([tokenEvent(index)]);
    writer.write([cancelled], "superseded");
    await writer.flushed();
    expect(eventsOf(records).at(-1)).toEqual(cancelled);
    const reasons = records.map((record) => (record.kind === "events" ? record.cancelledBy : undefined));
    expect(reasons).toEqual([...reasons.slice(0, -1).map(() => undefined), "superseded"]);
    expect(records.length > 2).toBe(mostBytes < Infinity);
  });
});
