import { createFakeClock, needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { silent, unique } from "../../testing/fleet.ts";
import { connectTo, linkTo, useNats } from "../../testing/nats.ts";
import { topics } from "../names.ts";
import type { Bucket } from "../port.ts";
import type { NatsLink } from "./connection.ts";
import { createRecords } from "./stored.ts";
import { picturesStream } from "./topology.ts";

const value = new Uint8Array([1]);

test("a list ends when the records expire after they were counted", async () => {
  const counts = [1, 0];
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const next = async (): Promise<object> => await stopped.then(() => ({ done: true }));
  const entries = { stop, [Symbol.asyncIterator]: () => ({ next }) };
  const kv = { status: async () => ({ values: counts.shift() }), watch: async () => entries };
  const call: NatsLink["call"] = async (_, request) => await request({ buckets: { jobs: kv } } as never);
  const clock = createFakeClock();
  const list = createRecords("jobs", { link: { call } as NatsLink, clock, log: silent }).list();
  await new Promise(setImmediate);
  clock.advance(100);
  expect(await list).toEqual([]);
});

describe("the stores on NATS", needs("nats-server"), () => {
  const nats = useNats();

  test.each<Bucket>(["members", "cancels", "sessions", "jobs"])(
    "the bucket %s is made again when it was deleted; members that watch it get later records",
    async (bucket) => {
      const admin = await linkTo(nats.url);
      const [writer, watcher] = [await connectTo(nats.url), await connectTo(nats.url)];
      const { [bucket]: records } = writer.records;
      const [before, after, last] = [unique("key"), unique("key"), unique("key")] as [string, string, string];
      const seen = new Set<string>();
      for (const broker of [writer, watcher]) {
        broker.records[bucket].watch(({ key }) => seen.add(`${broker === writer ? "writer" : "watcher"} ${key}`));
      }
      const both = (key: string): boolean => seen.has(`writer ${key}`) && seen.has(`watcher ${key}`);
      await records.put(before, value, 0);
      await expect.poll(() => both(before)).toBe(true);
      await admin.use().buckets[bucket].destroy();
      expect(await records.put(after, value, 0)).toBe(1);
      await expect.poll(() => both(after)).toBe(true);
      await admin.use().buckets[bucket].destroy();
      expect(await watcher.records[bucket].list()).toEqual([]);
      await records.put(last, value);
      expect(await watcher.records[bucket].get(last)).toMatchObject({ key: last });
      await expect.poll(() => both(last)).toBe(true);
    },
  );

  test("pictures expire after an hour; their store is made again when it was deleted", async () => {
    const { jsm } = (await linkTo(nats.url)).use();
    const { pictures } = await connectTo(nats.url);
    const topic = topics.piece("key", "0", 0);
    expect((await jsm.streams.info(picturesStream)).config).toMatchObject({ max_age: 3_600_000_000_000 });
    expect(await pictures.capacity()).toBe(512 * 1024 * 1024);
    await jsm.streams.delete(picturesStream);
    expect(await pictures.put(topic, value)).toBe("stored");
    expect([...((await pictures.get(topic)) ?? [])]).toEqual([...value]);
  });
});

describe("a NATS server with little storage", needs("nats-server"), () => {
  const nats = useNats({ config: "jetstream { max_file_store: 1GB }" });

  test("has a smaller store of pictures", async () => {
    expect(await (await connectTo(nats.url)).pictures.capacity()).toBe(128 * 1024 * 1024);
  });
});
