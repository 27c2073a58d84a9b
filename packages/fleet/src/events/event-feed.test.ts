import { systemClock } from "@waggle/async";
import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { connectTo, processId, silent, unique, useNats, whenConnected } from "../testing/fleet.ts";
import { openConnection, type Connected, type FleetConnection } from "../nats/connection.ts";
import { createEventFeed } from "./event-feed.ts";
import { eventsStream, subjects } from "../nats/names.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { encode, type EventRecord } from "../queue/records.ts";

async function publish({ js }: Connected, gateway: GatewayProcessId, job: string, serial: number): Promise<void> {
  await js.publish(
    subjects.events(gateway, job),
    encode({ kind: "engine_lost", attempt: "a", serial, enginesLost: 1 }),
  );
}

/** Collects the received records, and can wait until there are `count` records. */
function collectSerials() {
  const serials: number[] = [];
  let check = (): void => {};
  return {
    serials,
    record(record: EventRecord): void {
      serials.push("serial" in record ? record.serial : -1);
      check();
    },
    async count(wanted: number): Promise<number[]> {
      await new Promise<void>((resolve) => {
        check = () => {
          if (serials.length >= wanted) resolve();
        };
        check();
      });
      return serials;
    },
  };
}

/** Breaks the connection like a failing network: the server runs on, and notices the loss later. */
async function reconnect(connection: FleetConnection): Promise<void> {
  const gone = whenConnected(connection, false);
  void connection.use().nc.reconnect();
  await gone;
}

describe("a gateway's subscription to its jobs", needs("nats-server"), () => {
  const nats = useNats();

  test("delivers new records once and in order, to jobs with a listener", async () => {
    const connection = await connectTo(nats.url);
    const publisher = (await connectTo(nats.url)).use();
    const gateway = processId(unique("gateway"));
    await publish(publisher, gateway, "job", 99);
    const feed = createEventFeed(connection, gateway, systemClock, silent);
    await feed.listening();
    const one = collectSerials();
    const stop = feed.subscribe("job", one.record);
    await publish(publisher, gateway, "job", 0);
    await publish(publisher, gateway, "nobody's", 50);
    await publisher.js.publish(subjects.events(gateway, "job"), "{");
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

  test("delivers each record once when the connection or the server is lost and comes back", async () => {
    const connection = await connectTo(nats.url);
    const publisher = await connectTo(nats.url);
    const gateway = processId(unique("gateway"));
    const feed = createEventFeed(connection, gateway, systemClock, silent);
    await feed.listening();
    const one = collectSerials();
    feed.subscribe("job", one.record);
    // The connection breaks before the first record.
    await reconnect(connection);
    await publish(publisher.use(), gateway, "job", 0);
    await publish(publisher.use(), gateway, "job", 1);
    expect(await one.count(2)).toEqual([0, 1]);
    await reconnect(connection);
    await publish(publisher.use(), gateway, "job", 2);
    expect(await one.count(3)).toEqual([0, 1, 2]);
    const goneTwice = [connection, publisher].map((each) => whenConnected(each, false));
    await nats.restart("SIGKILL");
    await Promise.all(goneTwice);
    await whenConnected(publisher);
    await publish(publisher.use(), gateway, "job", 3);
    expect(await one.count(4)).toEqual([0, 1, 2, 3]);
    await feed.close();
  });

  test("delivers all records, from the first one on, to a gateway that takes a job over", async () => {
    const connection = await connectTo(nats.url);
    const publisher = (await connectTo(nats.url)).use();
    const job = unique("job");
    for (let serial = 0; serial < 20; serial += 1) await publish(publisher, processId("dead gateway"), job, serial);
    const feed = createEventFeed(connection, processId(unique("gateway")), systemClock, silent);
    const one = collectSerials();
    const stop = await feed.subscribeFromStart(job, one.record);
    await one.count(20);
    await reconnect(connection);
    await publish(publisher, processId("dead gateway"), job, 20);
    expect(await one.count(21)).toEqual(Array.from({ length: 21 }, (_, serial) => serial));
    stop();
    await feed.close();
    // The server keeps no consumer of earlier connections.
    while ((await publisher.jsm.streams.info(eventsStream)).state.consumer_count > 0);
  });

  test("begins when the server starts, even if the gateway started earlier; without a server, the wait times out", async () => {
    await nats.server.stop();
    const gateway = processId(unique("gateway"));
    const connection = openConnection({
      url: nats.url,
      insecure: false,
      name: "early",
      log: silent,
      clock: systemClock,
    });
    const feed = createEventFeed(connection, gateway, systemClock, silent);
    await expect(feed.listening()).rejects.toThrow("NATS delivers no events");
    await nats.server.start();
    await whenConnected(connection);
    await feed.listening();
    await feed.close();
    await connection.close();
  });
});
