// Owns the part of the Broker's contract that is about the queue of jobs and the log of events.
import { describe, expect } from "vitest";
import type { Broker, Delivery, StoredEvent } from "../broker/port.ts";
import { eventsAgeMs, sameIdForMs, takenForMs } from "../broker/stores.ts";
import { bytes, contractLimits, stepMs, textOf, unavailable, unique, type Contract } from "./broker-contract-world.ts";

export function describeJobs(contract: Contract): void {
  const { world, promise, until, eventually, restart } = contract;

  describe("the queue", () => {
    interface Queue {
      readonly name: string;
      readonly topic: (job: string) => string;
    }

    async function openQueue(broker: Broker): Promise<Queue> {
      const name = unique();
      await broker.jobs.open(name, `waggle.jobs.${name}.*`);
      return { name, topic: (job) => `waggle.jobs.${name}.${job}` };
    }

    async function put({ jobs }: Broker, { topic }: Queue, ...names: string[]): Promise<void> {
      for (const job of names) expect(await jobs.put(topic(job), bytes(job), topic(job))).toBe("stored");
    }

    async function take({ jobs }: Broker, { name: queue }: Queue): Promise<Delivery> {
      let delivery: Delivery | undefined;
      await until(async () => (delivery = await jobs.take(queue)) !== undefined);
      return delivery as Delivery;
    }

    promise("gives each job to one worker, the oldest first, and counts waiting and taken jobs", async (broker) => {
      const other = await world().connect();
      const queue = await openQueue(broker);
      await put(broker, queue, "a", "b", "c");
      const first = await broker.jobs.take(queue.name);
      const second = await other.jobs.take(queue.name);
      expect([textOf(first?.data), first?.deliveries, textOf(second?.data)]).toEqual(["a", 1, "b"]);
      expect(await broker.jobs.sizeOf(queue.name)).toEqual({ waiting: 1, taken: 2 });
      first?.drop();
      second?.drop();
      (await broker.jobs.take(queue.name))?.drop();
      expect(await broker.jobs.take(queue.name)).toBeUndefined();
      await until(async () => (await broker.jobs.sizeOf(queue.name))?.taken === 0);
    });

    promise("drops a second job with the same id, also after the end of the first", async (broker) => {
      const queue = await openQueue(broker);
      await put(broker, queue, "a", "a");
      await (await take(broker, queue)).done();
      await put(broker, queue, "a");
      expect(await broker.jobs.take(queue.name)).toBeUndefined();
    });

    promise("keeps its jobs over a restart of the broker, and the ids of jobs that have not ended", async (broker) => {
      const queue = await openQueue(broker);
      await put(broker, queue, "a", "b", "c");
      await (await take(broker, queue)).done();
      await restart(undefined, broker);
      await put(broker, queue, "b", "a");
      for (const job of ["b", "c", "a"]) {
        const delivery = await take(broker, queue);
        expect(textOf(delivery.data)).toBe(job);
        await delivery.done();
      }
      expect(await broker.jobs.take(queue.name)).toBeUndefined();
    });

    promise("a job's id is free again after two minutes", async (broker) => {
      const queue = await openQueue(broker);
      await put(broker, queue, "a");
      (await take(broker, queue)).drop();
      await world().advance(sameIdForMs - stepMs);
      await put(broker, queue, "a");
      expect(await broker.jobs.take(queue.name)).toBeUndefined();
      await world().advance(2 * stepMs);
      await put(broker, queue, "a");
      expect(await broker.jobs.take(queue.name)).toBeDefined();
    });

    for (const how of ["done", "drop"] as const) {
      promise(`has a waiting and a taken job, and none after ${how}`, async (broker) => {
        const queue = await openQueue(broker);
        expect(await broker.jobs.has(queue.topic("a"))).toBe(false);
        await put(broker, queue, "a");
        expect(await broker.jobs.has(queue.topic("a"))).toBe(true);
        const delivery = await take(broker, queue);
        expect(await broker.jobs.has(queue.topic("a"))).toBe(true);
        expect(await broker.jobs.has(queue.topic("*"))).toBe(true);
        await delivery[how]();
        await until(async () => !(await broker.jobs.has(queue.topic("a"))));
        expect(await broker.jobs.has(queue.topic("*"))).toBe(false);
        expect(await broker.jobs.sizeOf(queue.name)).toEqual({ waiting: 0, taken: 0 });
      });
    }

    promise("gives a returned job to another worker, after the worker's delay", async (broker) => {
      const queue = await openQueue(broker);
      await put(broker, queue, "a");
      (await take(broker, queue)).giveBack(0);
      const again = await take(broker, queue);
      expect(again.deliveries).toBe(2);
      const [delayMs, from] = [500, nowOf(broker)];
      again.giveBack(delayMs);
      const last = await take(broker, queue);
      expect(last.deliveries).toBe(3);
      expectTime(nowOf(broker) - from, delayMs);
      last.drop();
    });

    promise("gives a job to another worker five seconds after the last sign", async (broker) => {
      const queue = await openQueue(broker);
      await put(broker, queue, "a");
      const delivery = await take(broker, queue);
      await world().advance(stepMs);
      const from = nowOf(broker);
      delivery.working();
      const again = await take(broker, queue);
      expect(again.deliveries).toBe(2);
      expectTime(nowOf(broker) - from, takenForMs);
      again.drop();
    });

    promise("lets a worker that was silent for too long still end or return the job of another one", async (broker) => {
      const queue = await openQueue(broker);
      await put(broker, queue, "a", "b", "c");
      const start = nowOf(broker);
      const late = [await take(broker, queue), await take(broker, queue), await take(broker, queue)];
      const next = [await take(broker, queue), await take(broker, queue), await take(broker, queue)];
      expectTime(nowOf(broker) - start, takenForMs);
      expect(next.map(({ data, deliveries }) => [textOf(data), deliveries])).toEqual([..."abc"].map((job) => [job, 2]));
      await late[0]?.done();
      late[1]?.drop();
      late[2]?.giveBack(0);
      const from = nowOf(broker);
      const last = await take(broker, queue);
      expect([textOf(last.data), last.deliveries]).toEqual(["c", 3]);
      expectTime(nowOf(broker) - from, 0);
      await last.done();
      expect(await broker.jobs.sizeOf(queue.name)).toEqual({ waiting: 0, taken: 0 });
    });

    promise("refuses patterns that overlap, and calls for a queue that it does not have", async (broker) => {
      const queue = await openQueue(broker);
      await broker.jobs.open(queue.name, queue.topic("*"));
      await expect(broker.jobs.open(unique(), `waggle.jobs.${queue.name}.>`)).rejects.toEqual(unavailable);
      await expect(broker.jobs.take(unique())).rejects.toEqual(unavailable);
      expect(await broker.jobs.sizeOf(unique())).toBeUndefined();
      expect(await broker.jobs.list()).toContain(queue.name);
    });

    promise(
      "keeps the jobs of a removed queue for the next one with their pattern, also taken ones",
      async (broker) => {
        const queue = await openQueue(broker);
        await put(broker, queue, "a", "b");
        await broker.jobs.take(queue.name);
        await broker.jobs.remove(queue.name);
        expect(await broker.jobs.list()).not.toContain(queue.name);
        const next = { ...queue, name: unique() };
        await broker.jobs.open(next.name, queue.topic("*"));
        for (const job of ["a", "b"]) {
          const delivery = await take(broker, next);
          expect([textOf(delivery.data), delivery.deliveries]).toEqual([job, 1]);
          await delivery.done();
        }
      },
    );

    promise("refuses jobs when it is full, and reports how full it is", async (broker) => {
      const queue = await openQueue(broker);
      const results: string[] = [];
      while (!results.includes("full")) {
        expect(results.length).toBeLessThanOrEqual(contractLimits.jobs);
        results.push(await broker.jobs.put(queue.topic(`${results.length}`), bytes("x"), unique() + queue.name));
      }
      expect((await broker.storeUse()).jobs).toBe(1);
      await (await take(broker, queue)).done();
      expect((await broker.storeUse()).jobs).toBeLessThan(1);
      await put(broker, queue, "last");
      for (let left = results.length - 1; left > 0; left -= 1) await (await take(broker, queue)).done();
    });
  });

  describe("the log", () => {
    const newTopic = (): string => `waggle.events.${unique()}.${unique()}`;

    /** Appends records to the topic. Returns the last sequence. */
    async function append({ events }: Broker, topic: string, after: number, ...contents: string[]): Promise<number> {
      let last = after;
      for (const content of contents) {
        const appended = await eventually(async () => await events.append(topic, bytes(content), last));
        if (typeof appended === "string") throw new Error(`The record was not stored: ${appended}`);
        expect(appended.sequence).toBeGreaterThan(last);
        last = appended.sequence;
      }
      return last;
    }

    const contentsOf = (events: readonly (StoredEvent | undefined)[]): unknown =>
      events.map((event) => textOf(event?.data));

    promise("stores a record only after the topic's last one, and counts over all topics", async (broker) => {
      const [one, other] = [newTopic(), newTopic()];
      expect(await broker.events.append(one, bytes("x"), 1)).toBe("moved");
      const first = await append(broker, one, 0, "a");
      expect(await append(broker, other, 0, "b")).toBe(first + 1);
      expect(await broker.events.append(one, bytes("x"), 0)).toBe("moved");
      expect(await broker.events.append(one, bytes("x"), first + 1)).toBe("moved");
      const second = await append(broker, one, first, "c");
      expect(await broker.events.append(one, bytes("x"), first)).toBe("moved");
      const stored = await broker.events.read(one);
      expect(contentsOf(stored)).toEqual(["a", "c"]);
      expect(stored.map(({ topic, sequence }) => [topic, sequence])).toEqual([
        [one, first],
        [one, second],
      ]);
      expect(contentsOf([await broker.events.last(one)])).toEqual(["c"]);
      expect(await broker.events.last(newTopic())).toBeUndefined();
      expect(await broker.events.read(newTopic())).toEqual([]);
    });

    for (const [from, expected] of [
      ["start", ["a", "b", "c"]],
      ["now", ["c"]],
    ] as const) {
      promise(`follows a pattern from ${from}, until the end`, async (broker) => {
        const topic = newTopic();
        const last = await append(broker, topic, 0, "a", "b");
        const taken: StoredEvent[] = [];
        const following = broker.events.follow(topic.replace(/u\d+$/, "*"), from, (event) => taken.push(event));
        await following.listening();
        await append(broker, newTopic(), 0, "x");
        const next = await append(broker, topic, last, "c");
        await until(() => taken.length === expected.length);
        await following.close();
        await append(broker, topic, next, "d");
        await broker.events.read(topic);
        expect(contentsOf(taken)).toEqual(expected);
        expect(taken.at(-1)?.at).toBe((await broker.events.read(topic))[2]?.at);
      });
    }

    for (const [loss, change] of [
      ["a restart", undefined],
      ["the loss of all stores", () => world().wipe()],
      ["the loss of the log", "delete"],
    ] as const) {
      promise(`follows over ${loss}, with each record once and in order`, async (broker) => {
        const writer = await world().connect();
        const topic = newTopic();
        const taken: string[][] = [[], []];
        const followings = (["start", "now"] as const).map((from, index) =>
          broker.events.follow(topic, from, ({ data }) => taken[index]?.push(textOf(data) ?? "")),
        );
        for (const following of followings) await following.listening();
        const last = await append(writer, topic, 0, "a", "b");
        await until(() => taken.every(({ length }) => length === 2));
        if (change === "delete") await world().deleteStore("events");
        else await restart(change, broker, writer);
        const next = await append(writer, topic, change === undefined ? last : 0, "c");
        if (change !== undefined) expect(next).toBeLessThan(last + 1);
        await append(writer, topic, next, "d", "e", "f");
        await until(() => taken.every(({ length }) => length === 6));
        expect(taken).toEqual([[..."abcdef"], [..."abcdef"]]);
        for (const following of followings) await eventually(() => following.listening());
      });
    }

    promise("can be followed also when it has just been lost", async (broker) => {
      await world().deleteStore("events");
      const topic = newTopic();
      const taken: StoredEvent[] = [];
      const following = broker.events.follow(topic, "start", (event) => taken.push(event));
      await eventually(() => following.listening());
      await append(broker, topic, 0, "a");
      await until(() => taken.length === 1);
      await following.close();
    });

    promise("a trim keeps the last record of all topics of the pattern, and all of other topics", async (broker) => {
      const [one, other, job] = [unique(), unique(), unique()];
      const [first, second, foreign] = [`waggle.events.${one}.${job}`, `waggle.events.${other}.${job}`, newTopic()];
      await append(broker, first, 0, "a", "b");
      await append(broker, foreign, 0, "x", "y");
      await append(broker, second, 0, "c", "d");
      await broker.events.trim(`waggle.events.*.${job}`);
      expect(
        await Promise.all([first, second, foreign].map(async (topic) => contentsOf(await broker.events.read(topic)))),
      ).toEqual([[], ["d"], ["x", "y"]]);
    });

    promise("records of the log are deleted after two minutes", async (broker) => {
      const topic = newTopic();
      const last = await append(broker, topic, 0, "a");
      await world().advance(eventsAgeMs - stepMs);
      expect(contentsOf([await broker.events.last(topic)])).toEqual(["a"]);
      await world().advance(2 * stepMs);
      expect(await broker.events.read(topic)).toEqual([]);
      expect(await broker.events.append(topic, bytes("x"), last)).toBe("moved");
      expect(await append(broker, topic, 0, "b")).toBe(last + 1);
    });

    promise("drops its oldest records when it is full", async (broker) => {
      const topic = newTopic();
      let last = 0;
      for (let index = 0; index < 9; index += 1) last = await append(broker, topic, last, `${index}`.padEnd(90_000));
      const kept = await broker.events.read(topic);
      expect(kept.map(({ sequence }) => sequence)).toEqual([last - 3, last - 2, last - 1, last]);
      await broker.events.trim(topic);
    });
  });
}

function nowOf(broker: Broker): number {
  return broker.now() ?? performance.now();
}

/** The time is not shorter, apart from the error of `now`. It may be longer on a machine that stops for a while, but not NATS's 30 seconds. */
function expectTime(ms: number, wantedMs: number): void {
  expect(ms).toBeGreaterThan(wantedMs - 50);
  expect(ms).toBeLessThan(wantedMs + 10_000);
}
