import { randomBytes } from "node:crypto";
import { deferred } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import {
  connectTo,
  fakeModel,
  finish,
  finished,
  fleetIdOf,
  fleetJob,
  receive,
  joinGateway,
  joinWorker,
  priorOutputOf,
  sendTokens,
  unique,
  useFleet,
  joinBoth,
  joinModel,
  submitJob,
  until,
  pass,
  type LocalJob,
  type Received,
} from "../testing/fleet.ts";
import { topics } from "../broker/names.ts";
import type { FleetJob } from "../queue/records.ts";
import type { JobEvent } from "@waggle/engine";

const fleet = useFleet();

describe("a worker in the fleet", () => {
  /** Resolves when the worker has given the job back. */
  const givenBack = async ({ records }: Received): Promise<void> =>
    await until(() => records.some((record) => record.kind === "output" && record.givenBack === true));

  /** Waits for the job's end, and returns who cancelled it. */
  async function cancelledBy({ ended, records }: Received): Promise<unknown> {
    expect(await ended()).toMatchObject({ type: "cancelled" });
    return (records.at(-1) as { cancelledBy?: string }).cancelledBy;
  }

  function cancelAt(local: LocalJob): void {
    local.listener.event({ ...finished(), type: "cancelled", steps: 1 } as JobEvent);
  }

  /** Resolves when the job has left the queue. */
  async function gone({ model, id }: FleetJob): Promise<void> {
    const { jobs } = await connectTo(fleet);
    await until(async () => !(await jobs.has(topics.job(model, "normal", id))));
  }

  test("runs a job, publishes its events, and removes it from the queue", async () => {
    const { name, model, gateway } = await joinBoth(fleet);
    const { job, received } = await submitJob(gateway, { model: name });
    const local = await model.job();
    const who = { ...job.spec.who, streamId: job.clientJob.id };
    expect(local.spec).toEqual({ ...job.spec, id: local.spec.id, who, prior: { computed: 0, enginesLost: 0 } });
    expect(local.spec.id).toMatch(new RegExp(`^${job.id}\\.[0-9a-f]{8}$`));
    sendTokens(local, 0, 1, 2);
    finish(model, local);
    expect(await received.ended()).toEqual(finished());
    expect(received.tokens()).toEqual([100, 101, 102]);
    await gone(job);
    await gateway.forget(job.id);
  });

  test("a question that is too long fails with payload_too_large, not with a timeout", async () => {
    const { name, gateway } = await joinBoth(fleet);
    const question = { kind: "tokenize", text: randomBytes(1_200_000).toString("base64") } as never;
    const asked = gateway.ask<"query">({ kind: "query", model: name, client: "a", question }, { timeoutMs: 1_000 });
    await expect(asked).rejects.toMatchObject({
      code: "payload_too_large",
      message: expect.stringMatching(/^Cannot hand the request to the fleet: it has \d+ bytes/) as string,
    });
  });

  test("takes no more jobs than it has slots, and the next job when a slot is free", async () => {
    const { name, model, gateway, worker } = await joinBoth(fleet, { slots: 2 });
    const jobs = Array.from({ length: 6 }, () => fleetJob({ model: name, gateway: gateway.id }));
    const received = jobs.map((job) => receive(gateway, job));
    await Promise.all(jobs.map((job) => gateway.publish(job)));
    for (let index = 0; index < jobs.length; index += 1) {
      const local = await model.job(index);
      expect(model.free(false)).toBeGreaterThanOrEqual(0);
      finish(model, local);
      worker.side.refill();
    }
    await Promise.all(received.map((each) => each.ended()));
    expect(model.jobs).toHaveLength(6);
    await Promise.all(jobs.map(gone));
  });

  test("ends a job that was cancelled before it was taken, and a running job", async () => {
    const name = unique("model");
    const gateway = await joinGateway(fleet);
    const { job: early, received: heardEarly } = await submitJob(gateway, { model: name });
    await gateway.cancel(early.id, "client");
    const { model } = await joinModel(fleet, name);
    expect(await heardEarly.ended()).toMatchObject({ steps: 0 });
    expect(await cancelledBy(heardEarly)).toBe("client");
    expect(model.jobs).toHaveLength(0);
    const { job: late, received: heardLate } = await submitJob(gateway, { model: name });
    const local = await model.job();
    sendTokens(local, 0);
    await gateway.cancel(late.id, "superseded");
    await until(() => local.cancelled);
    cancelAt(local);
    expect(await cancelledBy(heardLate)).toBe("superseded");
    await gone(early);
    await gone(late);
  });

  test("ends a job that was cancelled while this worker was not connected", async () => {
    const { name, model, gateway, worker } = await joinBoth(fleet);
    const { job, received } = await submitJob(gateway, { model: name });
    const local = await model.job();
    // Write only the key: the worker has missed the message.
    await worker.broker.records.cancels.put(job.id, Buffer.from("superseded"));
    expect(local.cancelled).toBe(false);
    worker.link.cut();
    await until(() => local.cancelled);
    cancelAt(local);
    expect(await cancelledBy(received)).toBe("superseded");
  });

  test("ends a job whose gateway has left as an orphan", async () => {
    const { name, model, gateway } = await joinBoth(fleet);
    const { received } = await submitJob(gateway, { model: name, orphanMs: 0 });
    const local = await model.job();
    gateway.leave();
    await until(() => local.cancelled);
    cancelAt(local);
    expect(await cancelledBy(received)).toBe("orphaned");
  });

  test("keeps a promised slot for a second, and promises no slot without room", async () => {
    const { name, gateway, model, worker } = await joinBoth(fleet, { slots: 1 });
    const offer = async (jobId: string): Promise<boolean> => {
      const question = { kind: "offer", model: name, jobId } as const;
      return (await gateway.ask<"offer">(question, { timeoutMs: 60_000, worker: worker.id })).taken;
    };
    const job = fleetJob({ model: name, gateway: gateway.id });
    expect(await offer(job.id)).toBe(true);
    expect(await offer("another")).toBe(false);
    // The promised slot is not available to jobs from the common queue.
    await submitJob(gateway, { model: name });
    await gateway.publish(job, { at: worker.id });
    expect(fleetIdOf(await model.job())).toBe(job.id);
    expect(await offer("third")).toBe(false);
    finish(model, await model.job());
    worker.side.refill();
    finish(model, await model.job(1));
    expect(await offer("fourth")).toBe(true);
    expect(await offer("fifth")).toBe(false);
    await pass(fleet, 1_100);
    expect(await offer("sixth")).toBe(true);
  });

  test("takes a job that arrives after its promise has ended, but leaves the job to other workers when all slots are taken", async () => {
    const { name, model, gateway, worker } = await joinBoth(fleet, { slots: 1 });
    const { job: unpromised } = await submitJob(gateway, { model: name }, worker.id);
    expect(fleetIdOf(await model.job())).toBe(unpromised.id);
    const { job: late } = await submitJob(gateway, { model: name }, worker.id);
    const { model: sibling } = await joinModel(fleet, name);
    expect(fleetIdOf(await sibling.job())).toBe(late.id);
  });

  test("answers questions to the worker and to its model, also with failures", async () => {
    const { name, gateway, worker } = await joinBoth(fleet, {
      async answer(question) {
        if (question.kind === "describe") throw new WaggleError("not_found", "There is no such model.");
        return { kind: "preflight", size: { promptTokens: 5, cachedTokens: 2 } };
      },
    });
    const preflight = { kind: "preflight", model: name, job: {} as never } as const;
    expect(await gateway.ask<"preflight">(preflight, { timeoutMs: 60_000 })).toMatchObject({
      size: { promptTokens: 5 },
    });
    const describe = { kind: "describe", model: name } as const;
    await expect(gateway.ask<"describe">(describe, { timeoutMs: 60_000, worker: worker.id })).rejects.toMatchObject({
      code: "not_found",
      message: "There is no such model.",
    });
    await expect(gateway.ask<"describe">(describe, { timeoutMs: 50, worker: "nobody" })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  /** Two workers of one model, and which worker has answered which question. */
  async function twoAnswering() {
    const name = unique("model");
    const gateway = await joinGateway(fleet);
    const answered: string[] = [];
    const join = async (id: string) => {
      return await joinModel(fleet, name, {
        async answer() {
          answered.push(id);
          return { kind: "preflight", size: null };
        },
      });
    };
    const ask = (worker?: string) =>
      gateway.ask<"preflight">(
        { kind: "preflight", model: name, job: {} as never },
        { timeoutMs: 60_000, ...(worker === undefined ? {} : { worker }) },
      );
    return { one: await join("one"), other: await join("other"), answered, ask };
  }

  test("leaves questions about an unloaded model to workers that have it loaded", async () => {
    const { one, answered, ask } = await twoAnswering();
    one.model.loaded = false;
    // The worker is still subscribed, and may get the first question.
    for (let asked = 0; asked < 8; asked += 1) await ask();
    one.worker.side.changed();
    for (let asked = 0; asked < 8; asked += 1) await ask();
    expect(answered).toEqual(Array.from({ length: 16 }, () => "other"));
    one.model.loaded = true;
    one.worker.side.changed();
    await until(async () => (await ask()) && answered.includes("one"));
  });

  test("a question about a model that no worker has loaded fails at once", async () => {
    const { one, other, answered, ask } = await twoAnswering();
    one.model.loaded = false;
    other.model.loaded = false;
    const why = { code: "unavailable", message: "Cannot ask the model: no worker has it loaded." };
    await expect(ask()).rejects.toMatchObject(why);
    await expect(ask(one.worker.id)).rejects.toMatchObject(why);
    await expect(ask()).rejects.toMatchObject(why);
    expect(answered).toEqual([]);
  });

  test("hands its jobs over when it leaves, and every event is published exactly once", async () => {
    const { name, model, gateway, worker } = await joinBoth(fleet);
    const { job, received } = await submitJob(gateway, { model: name });
    const local = await model.job();
    sendTokens(local, 0, 1);
    const { model: sibling, worker: next } = await joinModel(fleet, name);
    await until(() => gateway.members().some(({ id }) => id === next.id));
    sendTokens(local, 2);
    await worker.side.leave();
    expect(local.cancelled).toBe(true);
    sendTokens(local, 3);
    const resumed = await sibling.job();
    expect(priorOutputOf(resumed)).toEqual({ ids: [100, 101, 102], events: 3 });
    sendTokens(resumed, 3, 4);
    finish(sibling, resumed);
    await received.ended();
    expect(received.tokens()).toEqual([100, 101, 102, 103, 104]);
    expect(received.events().filter(({ type }) => type === "token")).toHaveLength(5);
    expect(worker.side.running).toBe(0);
    await gone(job);
  });

  test("a worker and a gateway leave although the server does not answer", async () => {
    const { name, model, gateway, worker } = await joinBoth(fleet);
    await gateway.publish(fleetJob({ model: name, gateway: gateway.id }));
    sendTokens(await model.job(), 0);
    const { broker } = gateway;
    for (const { link } of [gateway, worker]) link.hold();
    const began = fleet.clock.now();
    await Promise.all([
      worker.side
        .leave()
        .then(() => worker.side.close())
        .then(() => worker.broker.close()),
      gateway.close().then(() => broker.close()),
    ]);
    // The steps wait for 9.5 seconds at most: 3 for each of two requests, 0.5 for the job, 1 for the heartbeat and 2 for the connection.
    expect(fleet.clock.now() - began).toBeLessThan(9_600);
  });

  test("when it leaves, keeps the jobs that no other worker can or may continue", async () => {
    const { name, model, gateway, worker } = await joinBoth(fleet);
    const { received } = await submitJob(gateway, { model: name, onWorkerLoss: "error" });
    const local = await model.job();
    sendTokens(local, 0);
    const next = await joinWorker(fleet, { models: [fakeModel(name)] });
    await until(() => gateway.members().some(({ id }) => id === next.id));
    await worker.side.leave();
    expect(local.cancelled).toBe(false);
    finish(model, local);
    expect(await received.ended()).toMatchObject({ type: "finished" });
  });

  test("takes no jobs after leaving, and the jobs in its queue go to other workers", async () => {
    const { name, model, gateway, worker } = await joinBoth(fleet);
    await worker.side.leave();
    const { job: own } = await submitJob(gateway, { model: name }, worker.id);
    const { model: sibling } = await joinModel(fleet, name);
    expect(fleetIdOf(await sibling.job())).toBe(own.id);
    expect(model.jobs).toHaveLength(0);
  });

  test("gives back a job that it cannot run now, and does not count as a lost worker", async () => {
    const { name, model, gateway, worker } = await joinBoth(fleet);
    model.refuseWith = new WaggleError("resource_exhausted", "Full.");
    const { received } = await submitJob(gateway, { model: name });
    await givenBack(received);
    const { model: sibling } = await joinModel(fleet, name);
    const local = await Promise.race([sibling.job(), received.ended()]);
    expect(local).toBe(sibling.jobs[0]);
    expect(worker.side.running).toBe(0);
  });

  test("a job from its own queue that it cannot run now moves to the common queue after the delay", async () => {
    const { name, gateway, model, worker } = await joinBoth(fleet);
    model.refuseWith = new WaggleError("resource_exhausted", "Full.");
    const { job, received } = await submitJob(gateway, { model: name }, worker.id);
    await givenBack(received);
    await until(() => worker.side.running === 0);
    const isShared = async () => await worker.broker.jobs.has(topics.job(name, "normal", job.id));
    expect(await isShared()).toBe(false);
    await pass(fleet, 480);
    expect(await isShared()).toBe(false);
    await pass(fleet, 20);
    const { model: sibling } = await joinModel(fleet, name);
    expect(fleetIdOf(await sibling.job())).toBe(job.id);
  });

  test("when it leaves, the jobs that it gave back from its own queue move to the common queue at once", async () => {
    const { name, gateway, model, worker } = await joinBoth(fleet);
    model.refuseWith = new WaggleError("resource_exhausted", "Full.");
    const { job, received } = await submitJob(gateway, { model: name }, worker.id);
    await givenBack(received);
    await until(() => worker.side.running === 0);
    const from = fleet.clock.now();
    await worker.side.leave();
    const { model: sibling } = await joinModel(fleet, name);
    expect(fleetIdOf(await sibling.job())).toBe(job.id);
    expect(fleet.clock.now() - from).toBeLessThan(250);
  });

  test("when it leaves while the model checks a job, hands the job over, and the model does not compute the job", async () => {
    const { name, model, gateway, worker } = await joinBoth(fleet);
    const accept = deferred<void>();
    model.accepts = accept.promise;
    const { job } = await submitJob(gateway, { model: name });
    const local = await model.job();
    const { model: sibling, worker: next } = await joinModel(fleet, name);
    await until(() => gateway.members().some(({ id }) => id === next.id));
    const left = worker.side.leave();
    expect(fleetIdOf(await sibling.job())).toBe(job.id);
    await left;
    expect(local.cancelled).toBe(false);
    accept.resolve();
    await until(() => local.cancelled);
  });

  test("gives back a job, and takes the job again if no other worker does", async () => {
    const { name, model, gateway } = await joinBoth(fleet);
    const { received } = await submitJob(gateway, { model: name });
    const local = await model.job();
    sendTokens(local, 0);
    model.over(local);
    local.listener.ended({ type: "failed", code: "unavailable", message: "The model is unloaded." });
    const again = await Promise.race([model.job(1), received.ended()]);
    expect(again).toBe(model.jobs[1]);
    expect(priorOutputOf(model.jobs[1] as never)).toEqual({ ids: [100], events: 1 });
    finish(model, model.jobs[1] as never);
    expect(await received.ended()).toMatchObject({ type: "finished" });
  });

  test("publishes the failure of an invalid job", async () => {
    const { name, model, gateway } = await joinBoth(fleet);
    model.refuseWith = new WaggleError("invalid_argument", "Too long.");
    const { job, received } = await submitJob(gateway, { model: name });
    expect(await received.ended()).toMatchObject({ type: "failed", message: "Too long." });
    await gone(job);
  });
});

test("a worker that may not write records gives its job back, and takes no jobs until the next connection", async () => {
  const { name, gateway, worker, model: reader } = await joinBoth(fleet);
  fleet.server.deny(worker.id, topics.allEvents);
  const takesJobs = (): boolean =>
    gateway.members().some((member) => member.id === worker.id && member.kind === "worker" && member.takesJobs);
  await until(takesJobs);
  const { received } = await submitJob(gateway, { model: name });
  await until(() => !takesJobs() && worker.side.running === 0);
  const { model } = await joinModel(fleet, name);
  finish(model, await model.job());
  expect(await received.ended()).toEqual(finished());
  // The model may have begun before the refusal.
  expect([reader.jobs.length <= 1, reader.jobs.every(({ cancelled }) => cancelled)]).toEqual([true, true]);
  worker.link.cut();
  await until(takesJobs);
});
