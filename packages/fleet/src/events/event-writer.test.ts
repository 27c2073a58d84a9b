import type { JobEvent } from "@waggle/engine";
import type { JetStreamClient } from "@nats-io/jetstream";
import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { connectTo, file, finished, processId, tokenEvent, unique, useNats, whenConnected } from "../testing/fleet.ts";
import type { Connected, FleetConnection } from "../nats/connection.ts";
import { createEventWriter, type EventWriter, type EventWriterOptions } from "./event-writer.ts";
import { readHistory } from "./event-history.ts";
import { eventsStream, subjects } from "../nats/names.ts";
import { decode, type EventRecord } from "../queue/records.ts";

interface Written {
  readonly writer: EventWriter;
  readonly subject: string;
  readonly losses: () => number;
  readonly tooLarge: number[];
}

function write(connection: EventWriterOptions["connection"], more: Partial<EventWriterOptions> = {}): Written {
  const subject = more.subject ?? subjects.events(processId("gateway"), unique("job"));
  const attempt = unique("attempt");
  const tooLarge: number[] = [];
  let losses = 0;
  const writer = createEventWriter({
    connection,
    subject,
    after: 0,
    fence: { kind: "fence", attempt, worker: "worker", ...file },
    onLost: () => (losses += 1),
    onTooLarge: (bytes) => tooLarge.push(bytes),
    ...more,
  });
  return { writer, subject, losses: () => losses, tooLarge };
}

/** All records on the subject, in order. */
async function recordsOf({ jsm }: Connected, subject: string): Promise<EventRecord[]> {
  const records: EventRecord[] = [];
  for (let seq = 1; ;) {
    const next = await jsm.direct.getMessage(eventsStream, { next_by_subj: subject, seq }).catch(() => null);
    if (next === null) return records;
    records.push(decode<EventRecord>(next.data));
    seq = next.seq + 1;
  }
}

function eventsOf(records: readonly EventRecord[]): JobEvent[] {
  return records.flatMap((record) => (record.kind === "events" ? record.events : []));
}

/** The connection with another `publish`. */
function through(connection: FleetConnection, publish: (real: JetStreamClient) => JetStreamClient["publish"]) {
  return {
    connected: true,
    use(): Connected {
      const connected = connection.use();
      const js = Object.create(connected.js) as { publish: JetStreamClient["publish"] };
      js.publish = publish(connected.js);
      return { ...connected, js: js as JetStreamClient };
    },
  };
}

const tokens = Array.from({ length: 600 }, (_, index) => tokenEvent(index));

describe("the sequence of a worker's records of a job", needs("nats-server"), () => {
  const nats = useNats();

  test("begins with a fence, is in order, and puts waiting events into one record", async () => {
    const connection = await connectTo(nats.url);
    const { writer, subject, losses } = write(connection);
    for (const token of tokens) writer.write([token]);
    writer.engineLost(1);
    writer.repeat({ ids: [1, 2], events: 2 });
    writer.write([finished()]);
    await writer.flushed();
    const records = await recordsOf(connection.use(), subject);
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
    const connection = await connectTo(nats.url);
    let flying = 0;
    let most = 0;
    const counted = through(connection, (js) => async (...message) => {
      most = Math.max(most, (flying += 1));
      try {
        return await js.publish(...message);
      } finally {
        flying -= 1;
      }
    });
    const { writer, subject } = write(counted);
    for (const token of tokens.slice(0, 50)) {
      writer.write([token]);
      await new Promise(setImmediate);
    }
    await writer.flushed();
    expect(most).toBe(1);
    expect(eventsOf(await recordsOf(connection.use(), subject))).toEqual(tokens.slice(0, 50));
  });

  test("is written once when NATS's acknowledgement was lost", async () => {
    const connection = await connectTo(nats.url);
    let attempts = 0;
    const lossy = through(connection, (js) => async (subject, data, how) => {
      attempts += 1;
      // The writer's own limit of two seconds could pass, and make a third attempt.
      await js.publish(subject, data, { ...how, timeout: 60_000 });
      throw new Error("timeout");
    });
    const { writer, subject, losses } = write(lossy);
    for (const token of tokens.slice(0, 5)) {
      writer.write([token]);
      await writer.flushed();
    }
    expect(eventsOf(await recordsOf(connection.use(), subject))).toEqual(tokens.slice(0, 5));
    expect(losses()).toBe(0);
    // Each of the six records was sent twice; at the second attempt NATS already had it.
    expect(attempts).toBe(12);
  });

  test("ends at another worker's fence, at the beginning or in the middle", async () => {
    const connection = await connectTo(nats.url);
    const first = write(connection);
    first.writer.write([tokenEvent(0)]);
    await first.writer.flushed();
    const { last } = await readHistory(connection.use(), first.subject);
    const second = write(connection, { subject: first.subject, after: last });
    await second.writer.flushed();
    first.writer.write([tokenEvent(1)]);
    await first.writer.flushed();
    first.writer.write([tokenEvent(2)]);
    const late = write(connection, { subject: first.subject });
    await late.writer.flushed();
    second.writer.write([tokenEvent(1)]);
    await second.writer.flushed();
    expect([first.losses(), second.losses(), late.losses()]).toEqual([1, 0, 1]);
    const records = await recordsOf(connection.use(), first.subject);
    expect(records.map(({ kind }) => kind)).toEqual(["fence", "events", "fence", "events"]);
    expect(eventsOf(records)).toEqual([tokenEvent(0), tokenEvent(1)]);
  });

  test("waits for NATS to come back, and is complete then", async () => {
    const connection = await connectTo(nats.url);
    const { writer, subject, losses } = write(connection);
    writer.write([tokenEvent(0)]);
    await writer.flushed();
    await nats.server.stop("SIGKILL");
    await whenConnected(connection, false);
    writer.write([tokenEvent(1)]);
    writer.write([tokenEvent(2)]);
    await nats.server.start();
    await writer.flushed();
    expect(eventsOf(await recordsOf(connection.use(), subject))).toEqual(tokens.slice(0, 3));
    expect(losses()).toBe(0);
  });

  test("continues when the earlier records are too old, and reports missing records", async () => {
    const connection = await connectTo(nats.url);
    const { writer, subject, losses } = write(connection);
    writer.write([tokenEvent(0)]);
    await writer.flushed();
    await connection.use().jsm.streams.purge(eventsStream, { filter: subject });
    writer.write([tokenEvent(1)]);
    await writer.flushed();
    expect(losses()).toBe(0);
    expect(await readHistory(connection.use(), subject)).toMatchObject({ incomplete: true });
    writer.repeat({ ids: [100, 101], events: 2 });
    await writer.flushed();
    const whole = { incomplete: false, file, output: { ids: [100, 101], events: 2 } };
    expect(await readHistory(connection.use(), subject)).toMatchObject(whole);
  });

  test("writes nothing after `stop`, and gives up a job with too many waiting events", async () => {
    const connection = await connectTo(nats.url);
    const stopped = write(connection);
    await stopped.writer.flushed();
    stopped.writer.stop();
    stopped.writer.write([tokenEvent(0)]);
    await stopped.writer.flushed();
    expect(await recordsOf(connection.use(), stopped.subject)).toHaveLength(1);
    const away = write({
      connected: false,
      use: () => {
        throw new Error("away");
      },
    });
    for (let index = 0; index < 70_000; index += 1) away.writer.write([tokenEvent(index)]);
    expect(away.losses()).toBe(1);
  });
});

describe("output above NATS's message limit", needs("nats-server"), () => {
  const nats = useNats({ config: "max_payload: 65536" });
  const noise = (): number[] => Array.from({ length: 2_000 }, () => Math.random());
  const vector = (index: number): JobEvent => ({
    type: "embedding",
    jobId: "local",
    index,
    vector: noise(),
    tokens: 1,
  });

  test("is split into as many records as it needs", async () => {
    const connection = await connectTo(nats.url);
    const { writer, subject, tooLarge } = write(connection);
    const vectors = Array.from({ length: 20 }, (_, index) => vector(index));
    for (const event of vectors) writer.write([event]);
    writer.write([finished()]);
    await writer.flushed();
    const records = await recordsOf(connection.use(), subject);
    expect(eventsOf(records)).toEqual([...vectors, finished()]);
    expect(records.slice(1).map((record) => "serial" in record && record.serial)).toEqual(
      Array.from({ length: records.length - 1 }, (_, index) => index),
    );
    expect(tooLarge).toEqual([]);
  });

  test("is reported if a single event is too long, and later events are written", async () => {
    const connection = await connectTo(nats.url);
    const { writer, subject, tooLarge } = write(connection);
    const huge = Array.from({ length: 10 }, noise).flat();
    writer.write([tokenEvent(0)]);
    writer.write([{ type: "embedding", jobId: "local", index: 0, vector: huge, tokens: 1 }]);
    writer.write([tokenEvent(1)]);
    await writer.flushed();
    expect(tooLarge).toHaveLength(1);
    writer.repeat({ ids: Array.from({ length: 100_000 }, () => Math.floor(Math.random() * 1e6)), events: 1 });
    writer.write([finished()]);
    await writer.flushed();
    const records = await recordsOf(connection.use(), subject);
    expect(eventsOf(records)).toEqual([tokenEvent(0), finished()]);
    expect(records.slice(1).map((record) => "serial" in record && record.serial)).toEqual([0, 1]);
  });
});
