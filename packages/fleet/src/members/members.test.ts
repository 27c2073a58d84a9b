import { systemClock } from "@waggle/async";
import { createFakeClock, needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import {
  connectTo,
  fakeModel,
  joinGateway,
  joinWorker,
  processId,
  silent,
  unique,
  useNats,
  whenConnected,
  withParts,
} from "../testing/fleet.ts";
import { createBeats } from "./beats.ts";
import { createMembers, type Members } from "./members.ts";
import { keys, topics } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { encode, fleetVersion, type GatewayMember } from "../queue/records.ts";

/** Resolves when the list satisfies the condition. */
async function until(members: Pick<Members, "list" | "onChange">, isSo: (ids: string[]) => boolean): Promise<string[]> {
  const ids = (): string[] => members.list().map(({ id }) => id);
  if (!isSo(ids())) {
    await new Promise<void>((resolve) => {
      const stop = members.onChange(() => {
        if (!isSo(ids())) return;
        stop();
        resolve();
      });
    });
  }
  return ids();
}

function memberOf(id: string, jobs = 0): GatewayMember {
  return { version: fleetVersion, kind: "gateway", id, url: "http://x", startedAt: "2026-01-01T00:00:00.000Z", jobs };
}

/** Resolves when the broker was lost and is up again. It may be up before the restart has resolved, so the wait for its loss begins before. */
async function lostAndBack(broker: Broker, restart: () => Promise<void>): Promise<void> {
  const lost = whenConnected(broker, false);
  await restart();
  await lost;
  await whenConnected(broker);
}

function watcher(broker: Broker, clock = systemClock): Members {
  return createMembers({ broker, clock, log: silent });
}

describe("the list of members", needs("nats-server"), () => {
  const nats = useNats();

  test("has members that come, change and leave", async () => {
    const members = watcher(await connectTo(nats.url));
    const worker = await joinWorker(nats.url, { models: [fakeModel("tiny")] });
    const gateway = await joinGateway(nats.url);
    await until(members, (ids) => ids.includes(worker.id) && ids.includes(gateway.id));
    expect(members.list().find(({ id }) => id === worker.id)).toMatchObject({
      kind: "worker",
      takesJobs: true,
      models: [{ name: "tiny", ready: true }],
    });
    const draining = new Promise<void>((resolve) => {
      members.onChange(() => {
        if (members.list().some((one) => one.id === worker.id && one.kind === "worker" && !one.takesJobs)) resolve();
      });
    });
    await worker.side.leave();
    await draining;
    await worker.side.close();
    await gateway.close();
    await until(members, (ids) => !ids.includes(worker.id) && !ids.includes(gateway.id));
    await members.close();
  });

  test("forgets a member after fifteen silent seconds, but not while NATS is away", async () => {
    const clock = createFakeClock();
    const broker = await connectTo(nats.url);
    const id = unique("gateway");
    await broker.records.members.put(keys.member("gateway", id), encode(memberOf(id)));
    const members = watcher(broker, clock);
    const seen = (): boolean => members.list().some((member) => member.id === id);
    while (!seen()) await new Promise(setImmediate);
    clock.advance(14_000);
    expect(seen()).toBe(true);
    await nats.server.stop();
    await whenConnected(broker, false);
    clock.advance(60_000);
    expect(seen()).toBe(true);
    await nats.server.start();
    await whenConnected(broker);
    clock.advance(14_000);
    expect(seen()).toBe(true);
    clock.advance(3_000);
    expect(seen()).toBe(false);
    await members.close();
  });

  test("is complete at once after a restart of the server", async () => {
    const broker = await connectTo(nats.url);
    const members = watcher(broker);
    await lostAndBack(broker, () => nats.restart("SIGKILL"));
    const worker = await joinWorker(nats.url, { models: [] });
    await until(members, (ids) => ids.includes(worker.id));
    await members.close();
  });

  test("continues after an unreadable member, and after a member of another version", async () => {
    const broker = await connectTo(nats.url);
    const members = watcher(broker);
    const old = JSON.stringify({ ...memberOf("old"), version: 0 });
    for (const [index, value] of ["null", "{", '"text"', old].entries()) {
      await broker.records.members.put(`gateway.odd-${index}`, Buffer.from(value));
    }
    const gateway = await joinGateway(nats.url);
    const ids = await until(members, (there) => there.includes(gateway.id));
    expect(ids).not.toContain("old");
    await members.close();
  });
});

describe("workers", needs("nats-server"), () => {
  const nats = useNats();

  test("get the beats of gateways, but neither beats nor heartbeats of other workers", async () => {
    const received: string[] = [];
    const worker = await joinWorker(nats.url, {
      models: [fakeModel("tiny")],
      through: (broker) =>
        withParts(broker, {
          messages: withParts(broker.messages, {
            receive: (pattern, listener) =>
              broker.messages.receive(pattern, (topic, data) => {
                received.push(topic);
                listener(topic, data);
              }),
          }),
          records: withParts(broker.records, {
            members: withParts(broker.records.members, { watch: () => expect.fail("watches the members") }),
          }),
        }),
    });
    const clock = createFakeClock();
    const other = await joinWorker(nats.url, { models: [fakeModel("tiny")], clock });
    const gateway = await joinGateway(nats.url);
    for (let s = 0; s < 30; s += 1) clock.advance(1_000);
    await other.side.leave();
    // Sent on the other worker's connection, so it arrives after that worker's beats.
    other.broker.messages.send(topics.hintAt(worker.id));
    const beat = topics.beat("gateway", gateway.id);
    while (!received.includes(topics.hintAt(worker.id)) || !received.includes(beat)) await new Promise(setImmediate);
    expect(new Set(received)).toEqual(new Set([topics.hintAt(worker.id), beat]));
  });
});

describe("beats", needs("nats-server"), () => {
  const nats = useNats();

  test("show which members are alive and which are silent, and show at once which have left", async () => {
    const broker = await connectTo(nats.url);
    const clock = createFakeClock();
    const self = { kind: "gateway", id: processId("me") } as const;
    const beats = createBeats(broker, self, clock);
    clock.advance(5_000);
    expect(beats.isAlive("worker", "odd. name")).toBe(false);
    const worker = createBeats(await connectTo(nats.url), { kind: "worker", id: "odd. name" }, createFakeClock());
    while (!beats.isAlive("worker", "odd. name")) await new Promise(setImmediate);
    expect(beats.silentWorkers()).toEqual([]);
    clock.advance(4_999);
    expect(beats.isAlive("worker", "odd. name")).toBe(true);
    expect(beats.isAlive("worker", "unknown")).toBe(false);
    clock.advance(1);
    expect(beats.isAlive("worker", "odd. name")).toBe(false);
    expect(beats.silentWorkers()).toEqual(["odd. name"]);
    expect(beats.silentGateways()).not.toContain("odd. name");
    const second = createBeats(await connectTo(nats.url), { kind: "worker", id: "odd. name" }, createFakeClock());
    while (!beats.isAlive("worker", "odd. name")) await new Promise(setImmediate);
    second.close();
    while (beats.isAlive("worker", "odd. name")) await new Promise(setImmediate);
    expect(beats.silentWorkers()).toEqual(["odd. name"]);
    clock.advance(700_000);
    expect(beats.silentWorkers()).toEqual([]);
    worker.close();
    beats.close();
    expect(clock.pending).toBe(0);
  });

  test("count no member as dead right after a reconnection", async () => {
    const broker = await connectTo(nats.url);
    const clock = createFakeClock();
    const beats = createBeats(broker, { kind: "gateway", id: processId("me") }, clock);
    clock.advance(10_000);
    expect(beats.isAlive("worker", "other")).toBe(false);
    await lostAndBack(broker, () => nats.restart());
    expect(beats.isAlive("worker", "other")).toBe(true);
    clock.advance(5_000);
    expect(beats.isAlive("worker", "other")).toBe(false);
    beats.close();
  });
});
