// Tests, with a real NATS, that the hive follows a fleet's members as they join, change and leave, and that it reconnects.
import { systemClock } from "@waggle/async";
import { createMembers, fleetVersion, openBroker, type Member } from "@waggle/fleet";
import { createProcessGroups, poll, startNats, type NatsServer } from "@waggle/testing/harness";
import { createLogger } from "@waggle/telemetry";
import { needs } from "@waggle/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { watchFleet } from "./nats.ts";

const log = createLogger({ level: "silent", format: "json", name: "test" });
const clock = systemClock;
const gateway: Member = {
  ...{ version: fleetVersion, kind: "gateway", id: "g 1", url: "http://10.0.0.2:7712", jobs: 0 },
  startedAt: "2026-11-22T10:00:00.000Z",
};

describe("a fleet that the hive looks into", needs("nats-server"), () => {
  let nats: NatsServer;
  beforeAll(async () => {
    nats = await startNats(createProcessGroups("nats"));
  });
  afterAll(async () => await nats[Symbol.asyncDispose]());

  it("lists the present members, without members that left", async () => {
    const fleet = await watchFleet({ url: nats.url, insecure: false, clock, log });
    let told = 0;
    const forget = fleet.onChange(() => (told += 1));
    let jobs = 0;
    const broker = openBroker({ url: nats.url, insecure: false, name: "g 1", log, clock, random: () => 0.5 });
    const member = createMembers({ broker, clock, log });
    const self = (): Member => ({ ...gateway, jobs });
    member.report(self);
    await poll("the gateway to come", () => fleet.list().length === 1);
    expect(fleet.list()).toEqual([gateway]);
    expect([fleet.connected, told > 0]).toEqual([true, true]);
    jobs = 7;
    member.report(self);
    await poll("its jobs to be reported", () => fleet.list().some((one) => one.kind === "gateway" && one.jobs === 7));
    await member.close();
    await poll("the gateway to leave", () => fleet.list().length === 0);
    await broker.close();
    forget();
    await fleet.close();
  });

  it("reports that it is disconnected while NATS is down", async () => {
    const fleet = await watchFleet({ url: nats.url, insecure: false, clock, log });
    const seen: boolean[] = [];
    fleet.onChange(() => {
      if (seen.at(-1) !== fleet.connected) seen.push(fleet.connected);
    });
    await poll("a connection", () => seen.at(-1) === true);
    await nats.stop("SIGKILL");
    await poll("its loss", () => seen.at(-1) === false);
    await nats.start();
    await poll("another one", () => seen.at(-1) === true);
    expect(seen.slice(-3)).toEqual([true, false, true]);
    await fleet.close();
  });

  it("refuses a server on another machine without TLS", async () => {
    const url = "nats://10.0.0.1:4222";
    await expect(watchFleet({ url, insecure: false, clock, log })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});
