import { describe, expect, test } from "vitest";
import { answerLimitMs, type Broker } from "../port.ts";
import { describeBroker } from "../../testing/broker-contract.ts";
import { contractLimits, deniedTopics } from "../../testing/broker-contract-world.ts";
import { connectTo, pass, until, useFleet, type Fleet } from "../../testing/fleet.ts";
import type { LinkFaults } from "./link.ts";

const fleet = useFleet({ limits: contractLimits });

describeBroker("the model of the broker", async () => {
  const { server } = fleet;
  const names: string[] = [];
  server.deny("limited", deniedTopics);
  return {
    async connect(user) {
      const broker = await connectTo(fleet, user ?? `member-${names.length}`);
      names.push(user ?? `member-${names.length}`);
      return broker;
    },
    advance: async (ms) => await pass(fleet, ms),
    freeze: () => names.forEach((name) => server.link(name).hold()),
    thaw: () => names.forEach((name) => server.link(name).release()),
    stop: async () => server.stop(),
    start: async () => server.start(),
    wipe: async () => server.wipe(),
    deleteStore: async (name) => server.deleteStore(name),
    close: async () => {},
  };
});

const unavailable: unknown = expect.objectContaining({ code: "unavailable" });
const topic = "waggle.events.g.job";
const data = new Uint8Array([1]);

/** Members with exact clocks. */
async function connectAll({ server }: Fleet): Promise<[Broker, Broker]> {
  const brokers: [Broker, Broker] = [server.connect({ name: "one" }), server.connect({ name: "other" })];
  await until(() => brokers.every(({ connected }) => connected));
  return brokers;
}

/** A member with its link, and another member, which has no faults. */
async function openMembers(): Promise<Fleet & { broker: Broker; other: Broker; link: LinkFaults }> {
  const [broker, other] = await connectAll(fleet);
  return { ...fleet, broker, other, link: fleet.server.link("one") };
}

describe("a fault of the modelled broker", () => {
  test("cut: what is on the way is lost, and the member connects again", async () => {
    const { broker, other, link, clock } = await openMembers();
    const taken: string[] = [];
    for (const from of ["now", "start"] as const) {
      const following = broker.events.follow("waggle.events.cut.*", from, () => taken.push(from));
      await following.listening();
      if (from === "start") await following.close();
    }
    broker.messages.receive("waggle.cut", () => taken.push("message"));
    await broker.jobs.list();
    link.hold();
    other.messages.send("waggle.cut");
    await other.jobs.list();
    const call = broker.events.append(topic, data, 0);
    link.cut();
    link.release();
    const from = clock.now();
    await until(() => !broker.connected);
    await other.events.append("waggle.events.cut.a", data, 0);
    await until(() => broker.connected);
    expect(clock.now() - from).toBeLessThan(300);
    await expect(call).rejects.toEqual(unavailable);
    expect(clock.now() - from).toBeCloseTo(answerLimitMs, 0);
    expect(await other.events.last(topic)).toBeUndefined();
    expect(taken).toEqual(["now"]);
  });

  test("hold: nothing passes, the member notices, and what it sent arrives later", async () => {
    const { broker, other, link, clock } = await openMembers();
    const from = clock.now();
    link.hold();
    await expect(broker.events.append(topic, data, 0)).rejects.toEqual(unavailable);
    expect(broker.connected).toBe(true);
    await until(() => !broker.connected);
    expect(clock.now() - from).toBeGreaterThan(9_999);
    expect(clock.now() - from).toBeLessThan(15_001);
    expect(await other.events.last(topic)).toBeUndefined();
    link.release();
    await until(() => broker.connected);
    expect(await other.events.last(topic)).toBeDefined();
  });

  test("cut midway: a call is done, and its answer is lost", async () => {
    const { broker, link } = await openMembers();
    link.cutMidway();
    await expect(broker.events.append(topic, data, 0)).rejects.toEqual(unavailable);
    expect(await broker.events.append(topic, data, 0)).toBe("moved");
  });

  test("freeze: messages to the member wait in their order until the thaw", async () => {
    const { broker, other, link } = await openMembers();
    const received: (number | undefined)[] = [];
    broker.messages.receive(topic, (_, [first]) => received.push(first));
    await broker.jobs.list();
    link.freeze();
    for (const value of [1, 2, 3]) other.messages.send(topic, new Uint8Array([value]));
    await pass(fleet, 1_000);
    expect(received).toEqual([]);
    link.thaw();
    expect(received).toEqual([1, 2, 3]);
  });

  test("delay: it counts for each way, the member's time is right by half of both, and a read may overtake a call", async () => {
    const { server, clock } = await openMembers();
    const broker = server.connect({ name: "far" });
    const link = server.link("far");
    link.delay({ minMs: 100, maxMs: 400 });
    link.cut();
    await until(() => broker.connected);
    expect(Math.abs((broker.now() ?? 0) - clock.now() - 1_700_000_000_000)).toBeLessThan(150);
    const from = clock.now();
    await broker.jobs.list();
    expect(clock.now() - from).toBeGreaterThan(199);
    expect(clock.now() - from).toBeLessThan(801);
    const order: number[] = [];
    await Promise.all([0, 1, 2, 3].map(async (index) => await broker.jobs.list().then(() => order.push(index))));
    expect(order).toEqual([0, 1, 2, 3]);
    const restore = link.delay({ minMs: 300, maxMs: 300 });
    const slow = broker.jobs.list();
    restore();
    link.delay({ minMs: 1, maxMs: 1 });
    const sentAt = clock.now();
    const fast = broker.jobs.list();
    const read = broker.jobs.has("none");
    await read;
    expect(clock.now() - sentAt).toBeCloseTo(2, 0);
    await slow;
    expect(clock.now() - sentAt).toBeCloseTo(301, 0);
    await fast;
    await broker.close();
  });

  test("purge, fill, and an early redelivery", async () => {
    const { server, broker } = await openMembers();
    const { jobs, events, pictures, records } = broker;
    await jobs.open("q", "waggle.jobs.>");
    expect(server.redeliver()).toBe(false);
    await jobs.put("waggle.jobs.a", data, "a");
    const first = await jobs.take("q");
    expect([server.redeliver(), first?.deliveries, (await jobs.take("q"))?.deliveries]).toEqual([true, 1, 2]);
    await events.append(topic, data, 0);
    await pictures.put("p", data);
    await records.jobs.put("k", data);
    for (const store of ["jobs", "events", "pictures", "records.jobs"] as const) server.fill(store);
    expect([await jobs.put("waggle.jobs.b", data, "b"), await pictures.put("q", data)]).toEqual(["full", "full"]);
    await expect(records.jobs.put("other", data)).rejects.toEqual(unavailable);
    expect(await records.jobs.put("k", data)).toBe(2);
    await events.append("waggle.events.g.other", data, 0);
    expect(await events.last(topic)).toBeUndefined();
    server.unfill("jobs");
    expect(await jobs.put("waggle.jobs.b", data, "b")).toBe("stored");
    server.purge("jobs");
    expect([await jobs.has("waggle.jobs.b"), await jobs.sizeOf("q")]).toEqual([false, { waiting: 0, taken: 0 }]);
  });

  test("kill: the jobs that ended last come back", async () => {
    const { server, broker } = await openMembers();
    await broker.jobs.open("q", "waggle.jobs.>");
    for (const id of ["a", "b"]) {
      await broker.jobs.put(`waggle.jobs.${id}`, data, id);
      await (await broker.jobs.take("q"))?.done();
      await pass(fleet, 1_000);
    }
    server.stop(1_500);
    server.start();
    await until(() => !broker.connected);
    await until(() => broker.connected);
    expect([await broker.jobs.has("waggle.jobs.a"), await broker.jobs.has("waggle.jobs.b")]).toEqual([false, true]);
    expect((await broker.jobs.take("q"))?.deliveries).toBe(1);
  });

  test("deny: messages of the user are dropped, and the member learns each topic once", async () => {
    const { server, broker, other } = await openMembers();
    const denied: string[] = [];
    broker.onDenied((name) => denied.push(name));
    server.deny("one", "waggle.secret.*");
    server.deny("one", "records.jobs.>");
    const received: string[] = [];
    other.messages.receive("waggle.secret.*", (name) => received.push(name));
    broker.messages.receive("waggle.secret.*", (name) => received.push(`own ${name}`));
    await other.jobs.list();
    for (const member of [broker, broker, other]) member.messages.send("waggle.secret.a");
    await expect(broker.records.jobs.put("k", data)).rejects.toEqual(unavailable);
    expect(await other.records.jobs.put("k", data)).toBe(1);
    expect([received, denied]).toEqual([["waggle.secret.a"], ["waggle.secret.*", "waggle.secret.a", "records.jobs.k"]]);
    server.allow("one");
    expect(await broker.records.jobs.put("k", data)).toBe(2);
  });
});

test("a close ends when the broker has the last messages", async () => {
  const { server, broker, other } = await openMembers();
  await broker.jobs.open("q", "waggle.jobs.>");
  await broker.jobs.put("waggle.jobs.a", data, "a");
  const delivery = await broker.jobs.take("q");
  server.link("one").delay({ minMs: 100, maxMs: 100 });
  delivery?.drop();
  await broker.close();
  expect(await other.jobs.has("waggle.jobs.a")).toBe(false);
  const leaving = server.connect({ name: "early" });
  expect([leaving.connected, leaving.now(), leaving.mostBytes]).toEqual([false, undefined, Infinity]);
  await leaving.close();
});

describe("random numbers", () => {
  const fleets = [7, 7, 8].map((seed) => useFleet({ seed }));

  test("give the same run if they are the same, and a closed member leaves no timer", async () => {
    const runs: unknown[] = [];
    for (const each of fleets) {
      const members = await connectAll(each);
      const trace: unknown[] = [];
      for (const { messages } of members) messages.receive("a", () => trace.push(each.clock.now()));
      for (const { events } of members) events.follow("waggle.events.>", "start", ({ at }) => trace.push(at));
      each.server.link("other").cut();
      for (let index = 0; index < 5; index += 1) {
        members[index % 2]?.messages.send("a");
        await members[0].events.append(`waggle.events.g.${index}`, data, 0);
      }
      await pass(each, 1_000);
      for (const member of members) await member.close();
      each.server.stop();
      await pass(each, answerLimitMs);
      runs.push(trace);
      expect([trace.length > 10, each.clock.pending]).toEqual([true, 0]);
    }
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]).not.toEqual(runs[2]);
  });
});
