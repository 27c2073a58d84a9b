import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { unique } from "../../testing/fleet.ts";
import { connectTo, linkTo, useNats } from "../../testing/nats.ts";
import { queues, topics } from "../names.ts";
import { jobsStream } from "./topology.ts";

describe("the queue of jobs on NATS", needs("nats-server"), () => {
  const nats = useNats();

  test.each(["the stream", "the consumer"])("works again, without its jobs, when %s was deleted", async (what) => {
    const { jsm } = (await linkTo(nats.url)).use();
    const { jobs } = await connectTo(nats.url);
    const model = unique("model");
    const [queue, topic] = [queues.of(model, "normal"), topics.job(model, "normal", "j1")];
    const open = async (): Promise<void> => await jobs.open(queue, topics.jobsOf(model, "normal"));
    await open();
    await jobs.put(topic, new Uint8Array([1]), unique("id"));
    if (what === "the stream") await jsm.streams.delete(jobsStream);
    else await jsm.consumers.delete(jobsStream, queue);
    await expect(jobs.take(queue)).rejects.toMatchObject({ code: "unavailable" });
    expect(await jobs.sizeOf(queue)).toBeUndefined();
    await open();
    if (what === "the stream") {
      expect(await jobs.has(topic)).toBe(false);
      await jobs.put(topic, new Uint8Array([1]), unique("id"));
    }
    expect(await jobs.take(queue)).toMatchObject({ deliveries: 1 });
  });
});
