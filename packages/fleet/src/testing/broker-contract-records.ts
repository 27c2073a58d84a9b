// Owns the part of the Broker's contract that is about pictures, records, and lost stores.
import { describe, expect } from "vitest";
import type { Broker, Bucket } from "../broker/port.ts";
import { bucketLifetimesMs, picturesAgeMs } from "../broker/stores.ts";
import {
  bucketNames,
  bytes,
  contractLimits,
  stepMs,
  textOf,
  unique,
  type Contract,
  type TestedStore,
} from "./broker-contract-world.ts";

export function describeRecords(contract: Contract): void {
  const { world, promise, until, eventually, restart } = contract;

  describe("pictures", () => {
    promise("are stored by their topics and deleted by a pattern", async ({ pictures }) => {
      const key = unique();
      const topics = ["sha.0", "sha.1", "other.0"].map((rest) => `waggle.pictures.${key}.${rest}`);
      const contents = async (): Promise<unknown> =>
        await Promise.all(topics.map(async (topic) => textOf(await pictures.get(topic))));
      expect(await contents()).toEqual([undefined, undefined, undefined]);
      for (const [index, topic] of topics.entries())
        expect(await pictures.put(topic, bytes(`${index}`))).toBe("stored");
      expect(await pictures.put(topics[0] ?? "", bytes("new"))).toBe("stored");
      expect(await contents()).toEqual(["new", "1", "2"]);
      await pictures.remove(`waggle.pictures.${key}.sha.>`);
      expect(await contents()).toEqual([undefined, undefined, "2"]);
      await pictures.remove(`waggle.pictures.${key}.>`);
    });

    promise("are refused when the store is full", async (broker) => {
      const { pictures } = broker;
      const key = unique();
      expect(await pictures.capacity()).toBe(contractLimits.pictureBytes);
      const put = async (index: number): Promise<string> =>
        await pictures.put(`waggle.pictures.${key}.sha.${index}`, bytes(40_000));
      expect([await put(0), await put(1), await put(2)]).toEqual(["stored", "stored", "full"]);
      expect((await broker.storeUse()).pictures).toBeGreaterThan(0.8);
      await pictures.remove(`waggle.pictures.${key}.>`);
      expect((await broker.storeUse()).pictures).toBeLessThan(0.2);
      expect(await put(2)).toBe("stored");
      await pictures.remove(`waggle.pictures.${key}.>`);
    });

    promise("pieces are deleted after an hour", async ({ pictures }) => {
      await pictures.put("waggle.pictures.old.sha.0", bytes("x"));
      await world().advance(picturesAgeMs - stepMs);
      expect(await pictures.get("waggle.pictures.old.sha.0")).toBeDefined();
      await world().advance(2 * stepMs);
      expect(await pictures.get("waggle.pictures.old.sha.0")).toBeUndefined();
    });
  });

  describe("records", () => {
    promise("are written only at their present revision, if one is given", async ({ records: { sessions } }) => {
      const key = `k.${unique()}`;
      expect(await sessions.get(key)).toBeUndefined();
      expect(await sessions.put(key, bytes("x"), 7)).toBeUndefined();
      const first = (await sessions.put(key, bytes("a"), 0)) ?? 0;
      expect(await sessions.put(key, bytes("x"), 0)).toBeUndefined();
      const second = (await sessions.put(key, bytes("b"), first)) ?? 0;
      expect(await sessions.put(key, bytes("x"), first)).toBeUndefined();
      const third = (await sessions.put(key, bytes("c"))) ?? 0;
      expect(first > 0 && second > first && third > second).toBe(true);
      const found = await sessions.get(key);
      expect(found).toMatchObject({ key, revision: third });
      expect(textOf(found?.value)).toBe("c");
      expect(await sessions.delete(key, second)).toBe(false);
      expect(await sessions.delete(key, third)).toBe(true);
      expect(await sessions.get(key)).toBeUndefined();
      expect(await sessions.delete(key, third)).toBe(false);
      expect(await sessions.put(key, bytes("x"), third)).toBeUndefined();
      expect(await sessions.put(key, bytes("d"), 0)).toBeGreaterThan(third);
      expect(await sessions.delete(key)).toBe(true);
      expect(await sessions.get(key)).toBeUndefined();
    });

    promise("are listed with the oldest first, each bucket by itself", async ({ records: { cancels, jobs } }) => {
      const root = unique();
      const list = async (): Promise<string[]> =>
        (await cancels.list()).map(({ key }) => key).filter((key) => key.startsWith(root));
      expect(await list()).toEqual([]);
      for (const key of ["a", "b", "c", "a"]) await cancels.put(`${root}.${key}`, bytes("x"));
      await cancels.delete(`${root}.c`);
      await jobs.put(`${root}.z`, bytes("x"));
      expect(await list()).toEqual([`${root}.b`, `${root}.a`]);
    });

    promise("are watched from all present ones, again after each connection, until the end", async (broker) => {
      const { jobs } = broker.records;
      const root = unique();
      await jobs.put(`${root}.a`, bytes("1"));
      const changes: string[] = [];
      const end = jobs.watch(({ key, value }) => {
        if (key.startsWith(root)) changes.push(`${key.slice(root.length + 1)} ${textOf(value)}`);
      });
      await until(() => changes.length === 1);
      await jobs.put(`${root}.b`, bytes("2"));
      await jobs.put(`${root}.a`, bytes("3"));
      await jobs.delete(`${root}.b`);
      await until(() => changes.length === 4);
      expect(changes).toEqual(["a 1", "b 2", "a 3", "b undefined"]);
      await restart(undefined, broker);
      await until(() => (changes.length > 4 && changes.at(-1) === "a 3") || changes.includes("a 3", 4));
      end();
      await jobs.put(`${root}.c`, bytes("4"));
      await jobs.get(`${root}.c`);
      expect(changes).not.toContain("c 4");
    });

    for (const bucket of bucketNames) {
      promise(`${bucket}: a record is deleted at the end of its lifetime`, async ({ records }) => {
        const [{ [bucket]: own }, lifetimeMs] = [records, bucketLifetimesMs[bucket]];
        const revision = (await own.put("old", bytes("x"))) ?? 0;
        await own.put("new", bytes("x"));
        await world().advance(lifetimeMs - stepMs);
        await own.put("new", bytes("y"));
        expect(await own.get("old")).toBeDefined();
        await world().advance(2 * stepMs);
        expect((await own.list()).map(({ key }) => key)).toEqual(["new"]);
        expect(await own.put("old", bytes("z"), revision)).toBeUndefined();
        expect(await own.put("old", bytes("z"), 0)).toBeGreaterThan(revision);
      });
    }
  });

  describe("a store that is lost", () => {
    /** For each store: writes a record, and reports whether the store has it. */
    const stores: Readonly<
      Record<TestedStore, (broker: Broker, word: string) => [() => Promise<unknown>, () => Promise<boolean>]>
    > = {
      jobs: ({ jobs }, word) => {
        const topic = `waggle.jobs.${word}.a`;
        return [async () => await jobs.put(topic, bytes("x"), topic), async () => await jobs.has(topic)];
      },
      events: ({ events }, word) => {
        const topic = `waggle.events.${word}.a`;
        return [
          async () => await events.append(topic, bytes("x"), 0),
          async () => (await events.last(topic)) !== undefined,
        ];
      },
      pictures: ({ pictures }, word) => {
        const topic = `waggle.pictures.${word}.sha.0`;
        return [
          async () => await pictures.put(topic, bytes("x")),
          async () => (await pictures.get(topic)) !== undefined,
        ];
      },
      ...(Object.fromEntries(
        bucketNames.map((bucket) => [
          `records.${bucket}`,
          ({ records: { [bucket]: own } }: Broker, word: string) => [
            async () => await own.put(word, bytes("x"), 0),
            async () => (await own.get(word)) !== undefined,
          ],
        ]),
      ) as Record<`records.${Bucket}`, never>),
    };

    for (const name of Object.keys(stores) as TestedStore[]) {
      promise(`${name}: is made again, empty, when a call needs it, and the other stores stay`, async (broker) => {
        const word = unique();
        const parts = Object.entries(stores).map(([other, part]) => ({ other, part: part(broker, word) }));
        for (const {
          part: [write],
        } of parts)
          await write();
        await world().deleteStore(name);
        for (const {
          other,
          part: [, has],
        } of parts)
          expect([other, await eventually(has)]).toEqual([other, other !== name]);
        const [write, has] = stores[name](broker, word);
        await eventually(write);
        expect(await has()).toBe(true);
      });
    }

    promise("with all others, while the broker is away: all are empty after that, also of queues", async (broker) => {
      const word = unique();
      const parts = Object.values(stores).map((part) => part(broker, word));
      await broker.jobs.open(word, `waggle.jobs.${word}.*`);
      for (const [write] of parts) await write();
      await restart(() => world().wipe(), broker);
      for (const [, has] of parts) expect(await eventually(has)).toBe(false);
      expect(await broker.jobs.list()).toEqual([]);
      for (const [write] of parts) await write();
      for (const [, has] of parts) expect(await has()).toBe(true);
    });

    promise("its watches begin anew", async (broker) => {
      const { members } = broker.records;
      const changes: string[] = [];
      const end = members.watch(({ key, value }) => value && changes.push(key));
      const [before, after] = [unique(), unique()];
      await members.put(before, bytes("x"));
      await until(() => changes.includes(before));
      await world().deleteStore("records.members");
      await eventually(async () => await members.put(after, bytes("x")));
      await until(() => changes.includes(after));
      end();
    });
  });
}
