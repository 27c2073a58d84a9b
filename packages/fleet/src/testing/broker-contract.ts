// Owns the contract of every Broker, as tests: what port.ts promises. The model of the broker and the broker on NATS pass the same tests.
import { afterEach, beforeEach, describe, expect } from "vitest";
import type { Broker, Following, Records } from "../broker/port.ts";
import { describeJobs } from "./broker-contract-jobs.ts";
import { describeRecords } from "./broker-contract-records.ts";
import {
  bytes,
  contractLimits,
  createContract,
  patienceMs,
  stepMs,
  textOf,
  unavailable,
  unique,
  type BrokerWorld,
  type Contract,
} from "./broker-contract-world.ts";

/** @param without titles of tests that are left out, each with the reason */
export function describeBroker(
  name: string,
  setUp: () => Promise<BrokerWorld>,
  without: Readonly<Record<string, string>> = {},
): void {
  describe(`${name} as the fleet's broker`, () => {
    let world: BrokerWorld;
    beforeEach(async () => {
      world = await setUp();
    });
    afterEach(async () => await world.close());
    const contract = createContract(() => world, without);
    describeMessages(contract);
    describeJobs(contract);
    describeRecords(contract);
  });
}

type Waiting<Part> = {
  [K in keyof Part]: Part[K] extends (...args: never) => Promise<unknown> ? K : never;
}[keyof Part];

/** A call of each method of the port that waits: without a row for a new method this file has a type error. */
interface Parts extends Pick<Broker, "messages" | "jobs" | "events" | "pictures"> {
  readonly broker: Omit<Broker, "close">;
  readonly records: Records;
  readonly following: Omit<Following, "close">;
}
const calls: {
  readonly [P in keyof Parts]: Readonly<Record<Waiting<Parts[P]>, (part: Parts[P]) => Promise<unknown>>>;
} = {
  broker: { storeUse: (broker) => broker.storeUse() },
  messages: { ask: (messages) => messages.ask("waggle.none", bytes("?"), stepMs) },
  jobs: {
    put: (jobs) => jobs.put("waggle.jobs.late.a", bytes("x"), unique()),
    has: (jobs) => jobs.has("waggle.jobs.late.a"),
    open: (jobs) => jobs.open("late", "waggle.jobs.late.*"),
    take: (jobs) => jobs.take("late"),
    list: (jobs) => jobs.list(),
    sizeOf: (jobs) => jobs.sizeOf("late"),
    remove: (jobs) => jobs.remove("late"),
  },
  events: {
    append: (events) => events.append("waggle.events.g.late", bytes("x"), 0),
    last: (events) => events.last("waggle.events.g.late"),
    read: (events) => events.read("waggle.events.g.late"),
    trim: (events) => events.trim("waggle.events.*.late"),
  },
  pictures: {
    put: (pictures) => pictures.put("waggle.pictures.late.sha.0", bytes("x")),
    get: (pictures) => pictures.get("waggle.pictures.late.sha.0"),
    remove: (pictures) => pictures.remove("waggle.pictures.late.>"),
    capacity: (pictures) => pictures.capacity(),
  },
  records: {
    get: (records) => records.get("late"),
    put: (records) => records.put("late", bytes("x"), 0),
    delete: (records) => records.delete("late"),
    list: (records) => records.list(),
  },
  following: { listening: (following) => following.listening() },
};

function describeMessages({ world, promise, until, eventually, restart }: Contract): void {
  describe("a connection", () => {
    promise("is reported at once, when it is lost, and when it is back, and calls fail meanwhile", async (broker) => {
      const changes: boolean[] = [];
      const forget = broker.onConnection((connected) => changes.push(connected));
      expect(changes).toEqual([true]);
      await restart(async () => {
        await expect(broker.records.jobs.get("a")).rejects.toEqual(unavailable);
        await expect(broker.messages.ask("waggle.none", bytes("?"), 1_000)).rejects.toEqual(unavailable);
        broker.messages.send("waggle.none");
      }, broker);
      await broker.records.jobs.get("a");
      forget();
      await restart(undefined, broker);
      expect(changes).toEqual([true, false, true]);
    });

    promise("throws `unavailable` for each call that the broker does not answer, and works again", async (broker) => {
      world().freeze();
      const following = broker.events.follow("waggle.events.late.*", "now", () => {});
      const parts: Parts = { ...broker, broker, records: broker.records.cancels, following };
      const rows = Object.entries(calls).flatMap(([part, methods]) =>
        Object.entries(methods).map(([method, call]) => ({
          name: `${part}.${method}`,
          result: call(parts[part as never]) as Promise<unknown>,
        })),
      );
      const results = await Promise.allSettled(rows.map(({ result }) => result));
      expect(rows.map(({ name }, index) => ({ name, ...results[index] }))).toEqual(
        rows.map(({ name }) => ({ name, status: "rejected", reason: unavailable })),
      );
      world().thaw();
      await eventually(() => following.listening());
      await following.close();
    });

    promise("knows the broker's time and the limit of a message", async (broker) => {
      // NATS shows its time in the answer to this. The error is half of its round trip at most.
      const from = performance.now();
      const following = broker.events.follow("waggle.events.none.*", "now", () => {});
      await following.listening();
      const errorMs = 250 + performance.now() - from;
      const topic = `waggle.events.g.${unique()}`;
      const before = broker.now() ?? NaN;
      await broker.events.append(topic, bytes("x"), 0);
      const after = broker.now() ?? NaN;
      const { at = 0 } = (await broker.events.last(topic)) ?? {};
      expect(at).toBeGreaterThan(before - errorMs);
      expect(at).toBeLessThan(after + errorMs);
      expect(broker.mostBytes).toBeGreaterThan(contractLimits.pictureBytes);
      expect(broker.mostBytes).toBeLessThan(Infinity);
    });

    promise("sends what was sent before it is closed, and takes no calls after that", async (broker) => {
      const leaving = await world().connect();
      const topic = `waggle.last.${unique()}`;
      let received = 0;
      broker.messages.receive(topic, () => (received += 1));
      await broker.jobs.has("waggle.jobs.none");
      leaving.messages.answer(`${topic}.ask`, async () => [bytes("yes"), bytes("")]);
      leaving.messages.send(topic);
      await leaving.close();
      await until(() => received === 1);
      await expect(leaving.jobs.list()).rejects.toEqual(unavailable);
      // NATS may notice later that a member has left.
      await until(
        async () => (await broker.messages.ask(`${topic}.ask`, bytes("?"), 100).catch(() => "late")) === undefined,
      );
      expect(leaving.connected).toBe(false);
    });

    promise("reports a denied topic once in each connection, and the other topics work", async () => {
      const limited = await world().connect("limited");
      const denied: string[] = [];
      limited.onDenied((topic) => denied.push(topic));
      const topic = `waggle.events.denied.${unique()}`;
      expect(await limited.events.append(topic, bytes("x"), 0)).toBe("denied");
      expect(await limited.events.append(topic, bytes("x"), 0)).toBe("denied");
      expect(await limited.events.last(topic)).toBeUndefined();
      expect(await limited.events.append(`waggle.events.g.${unique()}`, bytes("x"), 0)).toHaveProperty("sequence");
      expect(denied).toEqual([topic]);
      await restart(undefined, limited);
      for (let again = 0; again < 2; again += 1)
        expect(await limited.events.append(topic, bytes("x"), 0)).toBe("denied");
      expect(denied).toEqual([topic, topic]);
    });
  });

  describe("messages", () => {
    promise(
      "go to the members whose pattern has the topic, also to their sender, and not after the end",
      async (broker) => {
        const other = await world().connect();
        const root = unique();
        const received: string[] = [];
        const [matching, others] = [
          ["a.b", "a.*", "*.b", "a.>", ">"],
          ["a", "a.b.*", "a.c", "a.b.>"],
        ];
        const forgets = [...matching, ...others].map((pattern) =>
          other.messages.receive(`${root}.${pattern}`, (topic, data) => {
            expect(topic).toBe(`${root}.a.b`);
            received.push(`${pattern} ${textOf(data)}`);
          }),
        );
        let own = "";
        broker.messages.receive(`${root}.a.b`, (_, data) => (own += textOf(data)));
        // Its answer arrives after the subscriptions.
        await other.jobs.has("waggle.jobs.none");
        broker.messages.send(`${root}.a.b`, bytes("1"));
        await until(() => received.length >= matching.length && own === "1");
        for (const forget of forgets) forget();
        await other.jobs.has("waggle.jobs.none");
        broker.messages.send(`${root}.a.b`, bytes("2"));
        await until(() => own === "12");
        await other.jobs.has("waggle.jobs.none");
        expect(received.toSorted()).toEqual(matching.map((pattern) => `${pattern} 1`).toSorted());
      },
    );

    promise("arrive again after a restart, at subscriptions of before", async (broker) => {
      const other = await world().connect();
      const topic = `waggle.again.${unique()}`;
      let received = 0;
      other.messages.receive(topic, () => (received += 1));
      other.messages.answer(topic, async () => [bytes("yes"), bytes("")]);
      await restart(undefined, broker, other);
      broker.messages.send(topic);
      await until(() => received === 1);
      expect(textOf(await broker.messages.ask(topic, bytes("?"), patienceMs))).toBe("yes");
    });

    promise("a question gets the answer of a member, or undefined if no member answers its topic", async (broker) => {
      const other = await world().connect();
      const topic = `waggle.ask.${unique()}`;
      expect(await broker.messages.ask(topic, bytes("?"), patienceMs)).toBeUndefined();
      const end = other.messages.answer(topic, async (question) => [bytes(`${textOf(question)}!`), bytes("")]);
      await other.jobs.has("waggle.jobs.none");
      expect(textOf(await broker.messages.ask(topic, bytes("hi"), patienceMs))).toBe("hi!");
      end();
      await other.jobs.has("waggle.jobs.none");
      expect(await broker.messages.ask(topic, bytes("?"), patienceMs)).toBeUndefined();
    });

    promise("a shared question goes to one of the members, each time to any of them", async (broker) => {
      const topic = `waggle.shared.${unique()}`;
      const asked = [0, 0];
      const members = await Promise.all([world().connect(), world().connect()]);
      for (const [index, { messages, jobs }] of members.entries()) {
        messages.answer(
          topic,
          async () => {
            asked[index] = (asked[index] ?? 0) + 1;
            return [bytes("yes"), bytes("")];
          },
          { shared: true },
        );
        await jobs.has("waggle.jobs.none");
      }
      for (let question = 0; question < 40; question += 1) await broker.messages.ask(topic, bytes("?"), patienceMs);
      expect((asked[0] ?? 0) + (asked[1] ?? 0)).toBe(40);
      expect(Math.min(...asked)).toBeGreaterThan(0);
    });

    promise(
      "a question without an answer in time fails, and a long answer is replaced by its short form",
      async (broker) => {
        const topic = `waggle.slow.${unique()}`;
        const end = broker.messages.answer(topic, () => new Promise(() => {}));
        await broker.jobs.has("waggle.jobs.none");
        await expect(broker.messages.ask(topic, bytes("?"), 100)).rejects.toEqual(unavailable);
        end();
        broker.messages.answer(topic, async () => [bytes(broker.mostBytes + 2_000), bytes("short")]);
        await broker.jobs.has("waggle.jobs.none");
        expect(textOf(await broker.messages.ask(topic, bytes("?"), patienceMs))).toBe("short");
      },
    );
  });
}
