import { randomBytes } from "node:crypto";
import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { connectTo, fleetJob, unique, usableOn, useNats, whenConnected } from "../testing/fleet.ts";
import type { Connected } from "../nats/connection.ts";
import { publishJob, shareJob, takeJob, type TakenJob } from "./job-queue.ts";
import { consumers, jobsStream, subjects } from "../nats/names.ts";
import { jobClasses, queuesOf } from "./records.ts";
import { ensureQueueConsumer, ensureWorkerConsumer } from "../nats/topology.ts";

async function modelOn(connected: Connected): Promise<string> {
  const model = unique("model. with *");
  for (const queue of queuesOf(true)) await ensureQueueConsumer(connected.jsm, model, queue);
  return model;
}

async function waiting({ jsm }: Connected): Promise<number> {
  return (await jsm.streams.info(jobsStream)).state.messages;
}

/** Waits for the next job: a job that was given back with a delay is not in the queue at once. */
async function next(connected: Connected, consumer: string): Promise<TakenJob> {
  for (;;) {
    const taken = await takeJob(connected, consumer);
    if (taken !== undefined) return taken;
  }
}

describe("the queue of jobs", needs("nats-server"), () => {
  const nats = useNats();

  test("gives each job of a model and class to one worker, in order, until it is done", async () => {
    const connected = await usableOn(nats.url);
    const other = await usableOn(nats.url);
    const model = await modelOn(connected);
    const jobs = [1, 0, -1, 0].map((priority) => fleetJob({ model }, priority));
    for (const job of jobs) await publishJob(connected, job);
    const [high, normal, low] = jobClasses.map((jobClass) => consumers.of(model, jobClass)) as [string, string, string];
    const taken = [await takeJob(other, normal), await takeJob(connected, normal), await takeJob(connected, high)];
    expect(taken.map((one) => one?.job)).toEqual([jobs[1], jobs[3], jobs[0]]);
    expect(await takeJob(other, normal)).toBeUndefined();
    expect((await takeJob(other, low))?.job).toEqual(jobs[2]);
    expect(await waiting(connected)).toBe(4);
    for (const one of taken) await one?.done();
    expect(await waiting(connected)).toBe(1);
  });

  test("contains a job only once if it was published twice, or shared by two members", async () => {
    const connected = await usableOn(nats.url);
    const model = await modelOn(connected);
    const worker = unique("worker");
    await ensureWorkerConsumer(connected.jsm, worker);
    const job = fleetJob({ model });
    await publishJob(connected, job, worker);
    await publishJob(connected, job, worker);
    await shareJob(connected, job);
    await shareJob(connected, job);
    expect((await takeJob(connected, consumers.at(worker)))?.job).toEqual(job);
    expect(await takeJob(connected, consumers.at(worker))).toBeUndefined();
    expect((await takeJob(connected, consumers.of(model, "normal")))?.job).toEqual(job);
    expect(await takeJob(connected, consumers.of(model, "normal"))).toBeUndefined();
  });

  test("delivers a job again when a worker gives it back, at once or after a delay", async () => {
    const connected = await usableOn(nats.url);
    const model = await modelOn(connected);
    const consumer = consumers.of(model, "normal");
    const job = fleetJob({ model });
    await publishJob(connected, job);
    (await takeJob(connected, consumer))?.giveBack();
    const again = await next(connected, consumer);
    expect(again.job).toEqual(job);
    again.giveBack(200);
    expect(await takeJob(connected, consumer)).toBeUndefined();
    const last = await next(connected, consumer);
    expect(last.job).toEqual(job);
    last.working();
    await last.done();
  });

  test("keeps a job when the worker's connection or the server is lost", async () => {
    const connection = await connectTo(nats.url);
    const model = await modelOn(connection.use());
    const job = fleetJob({ model });
    await publishJob(connection.use(), job);
    await nats.restart("SIGKILL");
    await whenConnected(connection);
    expect((await next(connection.use(), consumers.of(model, "normal"))).job).toEqual(job);
  });

  test("delivers the jobs after an unreadable job", async () => {
    const connected = await usableOn(nats.url);
    const model = await modelOn(connected);
    for (const [index, data] of ["{", "null", '{"version":99}', "\u001F\u008B broken"].entries()) {
      await connected.js.publish(subjects.job(model, "normal", `odd-${index}`), Buffer.from(data, "latin1"));
    }
    const job = fleetJob({ model });
    await publishJob(connected, job);
    expect((await takeJob(connected, consumers.of(model, "normal")))?.job).toEqual(job);
    expect(await takeJob(connected, consumers.of(model, "normal"))).toBeUndefined();
  });

  test("refuses a job that is too long", async () => {
    const connected = await usableOn(nats.url);
    const noise = randomBytes(1_200_000).toString("base64");
    const job = fleetJob({ clientJob: { client: noise, id: "id" } });
    await expect(publishJob(connected, job)).rejects.toMatchObject({
      code: "payload_too_large",
      message: expect.stringMatching(
        /^Cannot hand the job to the fleet: it has \d+ bytes, compressed, and NATS takes \d+/,
      ),
    });
  });
});

describe("a full queue", needs("nats-server"), () => {
  const nats = useNats();

  test("refuses new jobs until a job is done", async () => {
    const connection = await connectTo(nats.url, { limits: { jobs: 2 } });
    const connected = connection.use();
    const model = await modelOn(connected);
    await publishJob(connected, fleetJob({ model }));
    await publishJob(connected, fleetJob({ model }));
    const third = fleetJob({ model });
    await expect(publishJob(connected, third)).rejects.toMatchObject({
      code: "resource_exhausted",
      retryAfterS: 2,
      message: "Cannot accept the job: the fleet's queue is full.",
    });
    await (await takeJob(connected, consumers.of(model, "normal")))?.done();
    await publishJob(connected, third);
  });
});
