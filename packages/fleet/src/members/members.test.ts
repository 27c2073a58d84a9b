import { createFakeClock } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import {
  connectTo,
  fakeModel,
  joinGateway,
  joinWorker,
  processId,
  silent,
  until,
  pass,
  restart,
  useFleet,
  withParts,
} from "../testing/fleet.ts";
import { createBeats } from "./beats.ts";
import { createMembers, type Members } from "./members.ts";
import { topics } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";

const fleet = useFleet();

function watcher(broker: Broker): Members {
  return createMembers({ broker, clock: fleet.clock, log: silent });
}

describe("the list of members", () => {
  test("has members that come, change and leave", async () => {
    const members = watcher(await connectTo(fleet));
    const worker = await joinWorker(fleet, { models: [fakeModel("tiny")] });
    const gateway = await joinGateway(fleet);
    await until(() => members.list().length === 2);
    let takesJobs = true;
    const workerAsSeen = () => members.list().find(({ id }) => id === worker.id);
    const member = { kind: "worker", takesJobs: true, models: [{ name: "tiny", ready: true }] };
    expect(workerAsSeen()).toMatchObject(member);
    members.onChange(() => (takesJobs = members.list().some((each) => each.kind === "worker" && each.takesJobs)));
    await worker.side.leave();
    await until(() => !takesJobs);
    expect(workerAsSeen()).toMatchObject({ ...member, takesJobs: false });
    await worker.side.close();
    await gateway.close();
    await until(() => members.list().length === 0);
  });

  test("forgets a member after fifteen silent seconds, but not while the broker is away", async () => {
    const broker = await connectTo(fleet);
    const gateway = await joinGateway(fleet);
    const members = watcher(broker);
    await until(() => members.list().length === 1);
    gateway.freeze();
    const silentFor = async (ms: number): Promise<number> => {
      await pass(fleet, ms);
      return members.list().length;
    };
    expect(await silentFor(9_000)).toBe(1);
    fleet.server.stop();
    await until(() => !broker.connected);
    expect(await silentFor(60_000)).toBe(1);
    fleet.server.start();
    await until(() => broker.connected);
    expect(await silentFor(14_000)).toBe(1);
    expect(await silentFor(3_000)).toBe(0);
  });

  test("ignores an unreadable member, and refuses a member of another version with one sentence", async () => {
    const broker = await connectTo(fleet);
    const reasons: unknown[] = [];
    const log = withParts(silent, { warn: (fields: object) => void reasons.push(fields) });
    const members = createMembers({ broker, clock: fleet.clock, log });
    const old = JSON.stringify({ version: 0, kind: "gateway", id: "old" });
    for (const [index, value] of ["null", "{", '"text"', old, old].entries()) {
      await broker.records.members.put(`gateway.odd-${Math.min(index, 3)}`, Buffer.from(value));
    }
    const gateway = await joinGateway(fleet);
    await until(() => members.list().length > 0);
    expect(members.list().map(({ id }) => id)).toEqual([gateway.id]);
    const reason =
      "Cannot use member gateway.odd-3: its fleet version is 0, and this program's is 4. Install one version of Waggle on both.";
    expect(reasons).toEqual([{ reason }]);
  });
});

describe("workers", () => {
  test("get the beats of gateways, but neither beats nor heartbeats of other workers", async () => {
    const received: string[] = [];
    const worker = await joinWorker(fleet, {
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
    const other = await joinWorker(fleet, { models: [fakeModel("tiny")] });
    const gateway = await joinGateway(fleet);
    await pass(fleet, 30_000);
    await other.side.leave();
    // Sent on the other worker's connection, so it arrives after that worker's beats.
    other.broker.messages.send(topics.hintAt(worker.id));
    const beat = topics.beat("gateway", gateway.id);
    await until(() => received.includes(topics.hintAt(worker.id)) && received.includes(beat));
    expect(new Set(received)).toEqual(new Set([topics.hintAt(worker.id), beat]));
  });
});

describe("beats", () => {
  test("show which members are alive and which are silent, and show at once which have left", async () => {
    const broker = await connectTo(fleet);
    const clock = createFakeClock();
    const self = { kind: "gateway", id: processId("me") } as const;
    const beats = createBeats(broker, self, clock);
    clock.advance(5_000);
    expect(beats.isAlive("worker", "odd. name")).toBe(false);
    const worker = createBeats(await connectTo(fleet), { kind: "worker", id: "odd. name" }, createFakeClock());
    await until(() => beats.isAlive("worker", "odd. name"));
    expect(beats.silentWorkers()).toEqual([]);
    clock.advance(4_999);
    expect(beats.isAlive("worker", "odd. name")).toBe(true);
    expect(beats.isAlive("worker", "unknown")).toBe(false);
    clock.advance(1);
    expect(beats.isAlive("worker", "odd. name")).toBe(false);
    expect(beats.silentWorkers()).toEqual(["odd. name"]);
    expect(beats.silentGateways()).not.toContain("odd. name");
    const second = createBeats(await connectTo(fleet), { kind: "worker", id: "odd. name" }, createFakeClock());
    await until(() => beats.isAlive("worker", "odd. name"));
    second.close();
    await until(() => !beats.isAlive("worker", "odd. name"));
    expect(beats.silentWorkers()).toEqual(["odd. name"]);
    clock.advance(700_000);
    expect(beats.silentWorkers()).toEqual([]);
    worker.close();
    beats.close();
    expect(clock.pending).toBe(0);
  });

  test("count no member as dead right after a reconnection", async () => {
    const broker = await connectTo(fleet);
    const clock = createFakeClock();
    const beats = createBeats(broker, { kind: "gateway", id: processId("me") }, clock);
    clock.advance(10_000);
    expect(beats.isAlive("worker", "other")).toBe(false);
    await restart(fleet, broker);
    expect(beats.isAlive("worker", "other")).toBe(true);
    clock.advance(5_000);
    expect(beats.isAlive("worker", "other")).toBe(false);
    beats.close();
  });
});
