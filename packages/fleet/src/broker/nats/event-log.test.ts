import { systemClock } from "@waggle/async";
import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { silent, unique } from "../../testing/fleet.ts";
import { linkTo, openLink, useNats, whenUp } from "../../testing/nats.ts";
import type { EventLog } from "../port.ts";
import { createBrokerClock } from "./broker-clock.ts";
import type { Connected, NatsLink } from "./connection.ts";
import { createEventLog } from "./event-log.ts";
import { eventsStream } from "./topology.ts";

function logOn(link: NatsLink): EventLog {
  return createEventLog({ link, brokerClock: createBrokerClock(systemClock), clock: systemClock, log: silent });
}

function newTopic(): string {
  return `waggle.events.gateway.${unique("job")}`;
}

async function append(log: EventLog, topic: string, ...numbers: number[]): Promise<void> {
  for (const number of numbers) {
    const { sequence = 0 } = (await log.last(topic)) ?? {};
    expect(await log.append(topic, new Uint8Array([number]), sequence)).toHaveProperty("sequence");
  }
}

/** Follows the topic, and can wait until there are `count` records. */
function follow(log: EventLog, topic: string, from: "start" | "now") {
  const numbers: number[] = [];
  let check = (): void => {};
  const following = log.follow(topic, from, ({ data }) => {
    numbers.push(data[0] ?? -1);
    check();
  });
  const count = async (wanted: number): Promise<readonly number[]> => {
    await new Promise<void>((resolve) => {
      check = () => {
        if (numbers.length >= wanted) resolve();
      };
      check();
    });
    return numbers;
  };
  return { following, count };
}

/** Breaks the connection like a failing network: the server runs on, and notices the loss later. */
async function breakLink(link: NatsLink): Promise<void> {
  const gone = whenUp(link, false);
  void link.use().nc.reconnect();
  await gone;
}

test.each(["connection is lost", "following is closed"])("a wait for records ends when the %s", async (why) => {
  let change = (_: Connected | undefined): void => {};
  const link = {
    connected: true,
    use() {},
    call: () => new Promise(() => {}),
    onChange(listener: typeof change) {
      change = listener;
      listener({} as Connected);
      return () => {};
    },
  } as unknown as NatsLink;
  const { following } = follow(logOn(link), newTopic(), "now");
  const waiting = following.listening();
  if (why === "connection is lost") change(undefined);
  else await following.close();
  await expect(waiting).rejects.toMatchObject({ code: "unavailable" });
});

describe("the log of records on NATS", needs("nats-server"), () => {
  const nats = useNats();

  test.each(["now", "start"] as const)(
    "delivers each record from %s on once when the connection or the server is lost and comes back",
    async (from) => {
      const [link, other] = [await linkTo(nats.url), await linkTo(nats.url)];
      const [log, writer] = [logOn(link), logOn(other)];
      const topic = newTopic();
      if (from === "start") await append(writer, topic, 0);
      const { following, count } = follow(log, topic, from);
      await following.listening();
      // With `now`, the connection breaks before the first record.
      await breakLink(link);
      await append(writer, topic, ...(from === "start" ? [1] : [0, 1]));
      expect(await count(2)).toEqual([0, 1]);
      await breakLink(link);
      await append(writer, topic, 2);
      expect(await count(3)).toEqual([0, 1, 2]);
      const goneTwice = [link, other].map((each) => whenUp(each, false));
      await nats.restart("SIGKILL");
      await Promise.all(goneTwice);
      await whenUp(other);
      await append(writer, topic, 3);
      expect(await count(4)).toEqual([0, 1, 2, 3]);
      await following.close();
      // The server keeps no consumer of earlier connections.
      while ((await other.use().jsm.streams.info(eventsStream)).state.consumer_count > 0);
    },
  );

  test("follows from the server's start if the member started earlier", async () => {
    await nats.server.stop();
    const link = openLink(nats.url);
    const { following } = follow(logOn(link), newTopic(), "now");
    const away = { code: "unavailable", retryAfterS: 2 };
    await expect(following.listening()).rejects.toMatchObject(away);
    await nats.server.start();
    await whenUp(link);
    await following.listening();
    await following.close();
    await link.close();
  });

  test("is made again when it was deleted; members that follow it get the records before and after", async () => {
    const [admin, reader, writer] = [await linkTo(nats.url), await linkTo(nats.url), await linkTo(nats.url)];
    const topic = newTopic();
    const { following, count } = follow(logOn(reader), topic, "now");
    await following.listening();
    await append(logOn(writer), topic, 0);
    await count(1);
    const before = await logOn(reader).last(topic);
    await admin.use().jsm.streams.delete(eventsStream);
    // The new log has more records than the old one before the reader notices.
    const { sequence = 0 } = before ?? {};
    const more = Array.from({ length: sequence + 3 }, (_, index) => index + 1);
    await append(logOn(writer), topic, ...more);
    expect(await count(more.length + 1)).toEqual([0, ...more]);
    await admin.use().jsm.streams.delete(eventsStream);
    expect(await logOn(reader).read(topic)).toEqual([]);
    await append(logOn(writer), topic, 100);
    expect(await count(more.length + 2)).toEqual([0, ...more, 100]);
    await following.close();
  });
});
