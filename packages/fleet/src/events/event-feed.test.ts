import { describe, expect, test } from "vitest";
import { topics } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { connectTo, processId, silent, unique, until, useFleet } from "../testing/fleet.ts";
import { createEventFeed } from "./event-feed.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { encode, type EventRecord } from "../queue/records.ts";

async function append({ events }: Broker, topic: string, data: Uint8Array): Promise<void> {
  const last = await events.last(topic);
  expect(await events.append(topic, data, last?.sequence ?? 0)).toHaveProperty("sequence");
}

async function publish(broker: Broker, gateway: GatewayProcessId, job: string, serial: number): Promise<void> {
  await append(
    broker,
    topics.events(gateway, job),
    encode({ kind: "engine_lost", attempt: "a", serial, enginesLost: 1 }),
  );
}

/** The serials of the received records. */
function collectSerials() {
  const serials: number[] = [];
  return {
    serials,
    record: (record: EventRecord) => void serials.push("serial" in record ? record.serial : -1),
    async count(wanted: number): Promise<number[]> {
      await until(() => serials.length >= wanted);
      return serials;
    },
  };
}

describe("a gateway's subscription to its jobs", () => {
  const fleet = useFleet();

  test("delivers new records once and in order, to jobs with a listener", async () => {
    const broker = await connectTo(fleet);
    const publisher = await connectTo(fleet);
    const gateway = processId(unique("gateway"));
    await publish(publisher, gateway, "job", 99);
    const feed = createEventFeed({ broker, log: silent }, gateway);
    await feed.listening();
    const one = collectSerials();
    const stop = feed.subscribe("job", one.record);
    await publish(publisher, gateway, "job", 0);
    await publish(publisher, gateway, "nobody's", 50);
    await append(publisher, topics.events(gateway, "job"), new Uint8Array([123]));
    await publish(publisher, processId(unique("gateway")), "job", 60);
    await publish(publisher, gateway, "job", 1);
    expect(await one.count(2)).toEqual([0, 1]);
    stop();
    const other = collectSerials();
    feed.subscribe("other", other.record);
    await publish(publisher, gateway, "job", 2);
    await publish(publisher, gateway, "other", 3);
    expect(await other.count(1)).toEqual([3]);
    expect(one.serials).toEqual([0, 1]);
    await feed.close();
  });

  test("delivers all records, from the first one on, to a gateway that takes a job over", async () => {
    const broker = await connectTo(fleet);
    const publisher = await connectTo(fleet);
    const job = unique("job");
    for (let serial = 0; serial < 20; serial += 1) await publish(publisher, processId("dead gateway"), job, serial);
    const feed = createEventFeed({ broker, log: silent }, processId(unique("gateway")));
    const one = collectSerials();
    const stop = await feed.subscribeFromStart(job, one.record);
    await one.count(20);
    await publish(publisher, processId("dead gateway"), job, 20);
    expect(await one.count(21)).toEqual(Array.from({ length: 21 }, (_, serial) => serial));
    stop();
    await feed.close();
  });
});
