import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { queues, topics } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { connectTo, fleetJob, unique, useFleet } from "../testing/fleet.ts";
import { openQueue, placeInQueue, publishJob, shareJob, takeJob } from "./job-queue.ts";
import { jobClasses, queuesOf } from "./records.ts";

async function modelOn(broker: Broker): Promise<string> {
  const model = unique("model. with *");
  for (const queue of queuesOf(["pictures"])) await openQueue(broker, model, queue);
  return model;
}

/** Opens a worker's own queue. */
async function workerOn({ jobs }: Broker): Promise<string> {
  const worker = unique("worker");
  await jobs.open(queues.at(worker), topics.jobsAt(worker));
  return worker;
}

describe("the queue of jobs", () => {
  const fleet = useFleet();

  test("gives each job of a model and class to one worker, in order, until it is done", async () => {
    const broker = await connectTo(fleet);
    const other = await connectTo(fleet);
    const model = await modelOn(broker);
    const jobs = [1, 0, -1, 0].map((priority) => fleetJob({ model }, priority));
    for (const job of jobs) await publishJob(broker, job);
    const [high, normal, low] = jobClasses.map((jobClass) => queues.of(model, jobClass)) as [string, string, string];
    const taken = [await takeJob(other, normal), await takeJob(broker, normal), await takeJob(broker, high)];
    expect(taken.map((one) => one?.job)).toEqual([jobs[1], jobs[3], jobs[0]]);
    expect(await takeJob(other, normal)).toBeUndefined();
    expect((await takeJob(other, low))?.job).toEqual(jobs[2]);
    expect(await broker.jobs.sizeOf(normal)).toEqual({ waiting: 0, taken: 2 });
    for (const one of taken) await one?.done();
    expect((await Promise.all(jobs.map((job) => placeInQueue(broker, job)))).indexOf("queued")).toBe(2);
  });

  test("contains a job only once if it was published twice, or shared by two members", async () => {
    const broker = await connectTo(fleet);
    const model = await modelOn(broker);
    const worker = await workerOn(broker);
    const job = fleetJob({ model });
    await publishJob(broker, job, { at: worker });
    await publishJob(broker, job, { at: worker });
    await shareJob(broker, job);
    await shareJob(broker, job);
    expect((await takeJob(broker, queues.at(worker)))?.job).toEqual(job);
    expect(await takeJob(broker, queues.at(worker))).toBeUndefined();
    expect((await takeJob(broker, queues.of(model, "normal")))?.job).toEqual(job);
    expect(await takeJob(broker, queues.of(model, "normal"))).toBeUndefined();
  });

  test.each(["the common queue", "a worker's queue"])(
    "finds a job in %s, and a lost job only when it is published again",
    async (which) => {
      const broker = await connectTo(fleet);
      const model = await modelOn(broker);
      const at = which === "the common queue" ? undefined : await workerOn(broker);
      const queue = at === undefined ? queues.of(model, "normal") : queues.at(at);
      const job = fleetJob({ model });
      expect(await placeInQueue(broker, job)).toBeUndefined();
      await publishJob(broker, job, { at });
      expect(await placeInQueue(broker, job)).toBe(at === undefined ? "queued" : "reserved");
      await (await takeJob(broker, queue))?.done();
      expect(await placeInQueue(broker, job)).toBeUndefined();
      // The queue has had this id within the last two minutes.
      await publishJob(broker, job, { at });
      expect(await takeJob(broker, queue)).toBeUndefined();
      await publishJob(broker, job, { at, again: 1 });
      await publishJob(broker, job, { at, again: 1 });
      expect((await takeJob(broker, queue))?.job).toEqual(job);
      expect(await takeJob(broker, queue)).toBeUndefined();
    },
  );

  test("delivers the jobs after an unreadable job", async () => {
    const broker = await connectTo(fleet);
    const model = await modelOn(broker);
    for (const [index, data] of ["{", "null", '{"version":99}', "\u001F\u008B broken"].entries()) {
      await broker.jobs.put(topics.job(model, "normal", `odd-${index}`), Buffer.from(data, "latin1"), unique("odd"));
    }
    const job = fleetJob({ model });
    await publishJob(broker, job);
    expect((await takeJob(broker, queues.of(model, "normal")))?.job).toEqual(job);
    expect(await takeJob(broker, queues.of(model, "normal"))).toBeUndefined();
  });

  test("refuses a job that is too long", async () => {
    const broker = await connectTo(fleet);
    const noise = randomBytes(1_200_000).toString("base64");
    const job = fleetJob({ clientJob: { client: noise, id: "id" } });
    await expect(publishJob(broker, job)).rejects.toMatchObject({
      code: "payload_too_large",
      message: expect.stringMatching(
        /^Cannot hand the job to the fleet: it has \d+ bytes, compressed, and NATS takes \d+/,
      ),
    });
  });
});

describe("a full queue", () => {
  const fleet = useFleet({ limits: { jobs: 2 } });

  test("refuses new jobs until a job is done", async () => {
    const broker = await connectTo(fleet);
    const model = await modelOn(broker);
    await publishJob(broker, fleetJob({ model }));
    await publishJob(broker, fleetJob({ model }));
    const third = fleetJob({ model });
    await expect(publishJob(broker, third)).rejects.toMatchObject({
      code: "resource_exhausted",
      retryAfterS: 2,
      message: "Cannot accept the job: the fleet's queue is full.",
    });
    await (await takeJob(broker, queues.of(model, "normal")))?.done();
    await publishJob(broker, third);
  });
});
