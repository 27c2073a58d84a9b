import { randomBytes } from "node:crypto";
import { WaggleError } from "@waggle/protocol";
import { isOver } from "@waggle/testing/harness";
import { createFakeClock, describeWithNats } from "@waggle/testing";
import { expect, test } from "vitest";
import {
  connectTo,
  fakeModel,
  finish,
  finished,
  fleetIdOf,
  fleetJob,
  hear,
  joinGateway,
  joinWorker,
  saidTo,
  tell,
  unique,
  useNats,
  whenConnected,
} from "../testing/fleet.ts";
import { jobsStream, subjects } from "../nats/names.ts";
import type { FleetJob } from "../queue/records.ts";
import type { JobEvent } from "@waggle/engine";

describeWithNats("a worker in the fleet", () => {
  const nats = useNats();

  async function one(slots = 2) {
    const name = unique("model");
    const model = fakeModel(name, slots);
    const gateway = await joinGateway(nats.url);
    const worker = await joinWorker(nats.url, { models: [model] });
    return { name, model, gateway, worker };
  }

  /** Resolves when the job has left the queue. */
  async function gone({ model, id }: FleetJob): Promise<void> {
    const { jsm } = (await connectTo(nats.url)).use();
    while ((await jsm.streams.getMessage(jobsStream, { last_by_subj: subjects.job(model, "normal", id) })) !== null);
  }

  test("runs a job, publishes its events, and removes it from the queue", async () => {
    const { name, model, gateway } = await one();
    const job = fleetJob({ model: name, gateway: gateway.id });
    const heard = hear(gateway, job);
    await gateway.publish(job);
    const local = await model.job();
    expect(local.spec).toEqual({ ...job.spec, id: local.spec.id });
    expect(local.spec.id).toMatch(new RegExp(`^${job.id}\\.[0-9a-f]{8}$`));
    tell(local, 0, 1, 2);
    finish(model, local);
    expect(await heard.ended()).toEqual(finished());
    expect(heard.tokens()).toEqual([100, 101, 102]);
    await gone(job);
    await gateway.forget(job.id);
  });

  test("fails a question that is too long with payload_too_large, not with a timeout", async () => {
    const { name, gateway } = await one();
    const question = { kind: "tokenize", text: randomBytes(1_200_000).toString("base64") } as never;
    const asked = gateway.ask<"query">({ kind: "query", model: name, question }, { timeoutMs: 1_000 });
    await expect(asked).rejects.toMatchObject({
      code: "payload_too_large",
      message: expect.stringMatching(/^Cannot hand the request to the fleet: it has \d+ bytes/) as string,
    });
  });

  test("has never more jobs than slots, and takes the next when one is free", async () => {
    const { name, model, gateway, worker } = await one(2);
    const jobs = Array.from({ length: 6 }, () => fleetJob({ model: name, gateway: gateway.id }));
    const heard = jobs.map((job) => hear(gateway, job));
    await Promise.all(jobs.map((job) => gateway.publish(job)));
    for (let index = 0; index < jobs.length; index += 1) {
      const local = await model.job(index);
      expect(model.free()).toBeGreaterThanOrEqual(0);
      finish(model, local);
      worker.side.refill();
    }
    await Promise.all(heard.map((each) => each.ended()));
    expect(model.jobs).toHaveLength(6);
    await Promise.all(jobs.map(gone));
  });

  test("ends a job that was cancelled before it was taken, and one that runs", async () => {
    const name = unique("model");
    const gateway = await joinGateway(nats.url);
    const early = fleetJob({ model: name, gateway: gateway.id });
    const heardEarly = hear(gateway, early);
    await gateway.publish(early);
    await gateway.cancel(early.id);
    const model = fakeModel(name);
    await joinWorker(nats.url, { models: [model] });
    expect(await heardEarly.ended()).toMatchObject({ type: "cancelled", steps: 0 });
    expect(model.jobs).toHaveLength(0);
    const late = fleetJob({ model: name, gateway: gateway.id });
    const heardLate = hear(gateway, late);
    await gateway.publish(late);
    const local = await model.job();
    tell(local, 0);
    await gateway.cancel(late.id);
    while (!local.cancelled) await new Promise(setImmediate);
    local.listener.event({ ...finished(), type: "cancelled", steps: 1 } as JobEvent);
    expect(await heardLate.ended()).toMatchObject({ type: "cancelled", steps: 1 });
    await gone(early);
    await gone(late);
  });

  test("ends a job that was cancelled while this worker was cut off", async () => {
    const { name, model, gateway, worker } = await one();
    const job = fleetJob({ model: name, gateway: gateway.id });
    await gateway.publish(job);
    const local = await model.job();
    const { buckets, nc } = worker.connection.use();
    // Only the key: the message was sent while the worker was not connected.
    await buckets.cancels.put(job.id, "");
    expect(local.cancelled).toBe(false);
    const cut = whenConnected(worker.connection, false);
    void nc.reconnect();
    await cut;
    while (!local.cancelled) await new Promise(setImmediate);
  });

  test("keeps its promise of a slot for a second, and makes none without room", async () => {
    const name = unique("model");
    const model = fakeModel(name, 1);
    const clock = createFakeClock();
    const gateway = await joinGateway(nats.url);
    const worker = await joinWorker(nats.url, { models: [model], clock });
    const offer = async (jobId: string): Promise<boolean> => {
      const question = { kind: "offer", model: name, jobId } as const;
      return (await gateway.ask<"offer">(question, { timeoutMs: 2_000, worker: worker.id })).taken;
    };
    const job = fleetJob({ model: name, gateway: gateway.id });
    expect(await offer(job.id)).toBe(true);
    expect(await offer("another")).toBe(false);
    // The slot is not for jobs from the common queue.
    const other = fleetJob({ model: name, gateway: gateway.id });
    await gateway.publish(other);
    await gateway.publish(job, worker.id);
    expect(fleetIdOf(await model.job())).toBe(job.id);
    expect(await offer("third")).toBe(false);
    finish(model, await model.job());
    worker.side.refill();
    finish(model, await model.job(1));
    expect(await offer("fourth")).toBe(true);
    expect(await offer("fifth")).toBe(false);
    clock.advance(1_100);
    expect(await offer("sixth")).toBe(true);
  });

  test("takes a job that comes after its promise has run out, or leaves it to others when it is full", async () => {
    const { name, model, gateway, worker } = await one(1);
    const unpromised = fleetJob({ model: name, gateway: gateway.id });
    await gateway.publish(unpromised, worker.id);
    expect(fleetIdOf(await model.job())).toBe(unpromised.id);
    const late = fleetJob({ model: name, gateway: gateway.id });
    await gateway.publish(late, worker.id);
    const sibling = fakeModel(name);
    await joinWorker(nats.url, { models: [sibling] });
    expect(fleetIdOf(await sibling.job())).toBe(late.id);
  });

  test("answers questions to it and to its model, also with failures", async () => {
    const name = unique("model");
    const gateway = await joinGateway(nats.url);
    const worker = await joinWorker(nats.url, {
      models: [fakeModel(name)],
      async answer(question) {
        if (question.kind === "describe") throw new WaggleError("not_found", "There is no such model.");
        return { kind: "preflight", size: { promptTokens: 5, cachedTokens: 2 } };
      },
    });
    const preflight = { kind: "preflight", model: name, job: {} as never } as const;
    expect(await gateway.ask<"preflight">(preflight, { timeoutMs: 2_000 })).toMatchObject({
      size: { promptTokens: 5 },
    });
    const describe = { kind: "describe", model: name } as const;
    await expect(gateway.ask<"describe">(describe, { timeoutMs: 2_000, worker: worker.id })).rejects.toMatchObject({
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
    const gateway = await joinGateway(nats.url);
    const answered: string[] = [];
    const join = async (id: string) => {
      const model = fakeModel(name);
      const worker = await joinWorker(nats.url, {
        models: [model],
        async answer() {
          answered.push(id);
          return { kind: "preflight", size: null };
        },
      });
      return { model, worker };
    };
    const ask = (worker?: string) =>
      gateway.ask<"preflight">(
        { kind: "preflight", model: name, job: {} as never },
        { timeoutMs: 2_000, ...(worker === undefined ? {} : { worker }) },
      );
    return { one: await join("one"), other: await join("other"), answered, ask };
  }

  test("answers no questions about a model that it has unloaded: workers that have it loaded do", async () => {
    const { one, answered, ask } = await twoAnswering();
    one.model.loaded = false;
    // It has not left the subject yet, and may get the first of them.
    for (let asked = 0; asked < 8; asked += 1) await ask();
    one.worker.side.changed();
    for (let asked = 0; asked < 8; asked += 1) await ask();
    expect(answered).toEqual(Array.from({ length: 16 }, () => "other"));
    one.model.loaded = true;
    one.worker.side.changed();
    while (!answered.includes("one")) await ask();
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

  test("hands its jobs over when it leaves: no event is published twice, and none is lost", async () => {
    const { name, model, gateway, worker } = await one();
    const job = fleetJob({ model: name, gateway: gateway.id });
    const heard = hear(gateway, job);
    await gateway.publish(job);
    const local = await model.job();
    tell(local, 0, 1);
    const sibling = fakeModel(name);
    const next = await joinWorker(nats.url, { models: [sibling] });
    await expect.poll(() => gateway.members().some(({ id }) => id === next.id)).toBe(true);
    tell(local, 2);
    await worker.side.leave();
    expect(local.cancelled).toBe(true);
    tell(local, 3);
    const resumed = await sibling.job();
    expect(saidTo(resumed)).toEqual({ ids: [100, 101, 102], events: 3 });
    tell(resumed, 3, 4);
    finish(sibling, resumed);
    await heard.ended();
    expect(heard.tokens()).toEqual([100, 101, 102, 103, 104]);
    expect(heard.events().filter(({ type }) => type === "token")).toHaveLength(5);
    expect(worker.side.running).toBe(0);
    await gone(job);
  });

  test("a server that does not answer keeps neither a worker nor a gateway from leaving", async () => {
    const { name, model, gateway, worker } = await one();
    await gateway.publish(fleetJob({ model: name, gateway: gateway.id }));
    tell(await model.job(), 0);
    const { connection } = gateway;
    nats.server.signal("SIGSTOP");
    const began = performance.now();
    await Promise.all([
      worker.side
        .leave()
        .then(() => worker.side.close())
        .then(() => worker.connection.close()),
      gateway.close().then(() => connection.close()),
    ]);
    // Each step waits for a second at most, where the limits of the NATS client came to 15.
    expect(isOver(performance.now() - began, 6_000)).toBe(false);
  });

  test("keeps a job when it leaves that another worker cannot, or may not, continue", async () => {
    const { name, model, gateway, worker } = await one();
    const job = fleetJob({ model: name, gateway: gateway.id, onWorkerLoss: "error" });
    const heard = hear(gateway, job);
    await gateway.publish(job);
    const local = await model.job();
    tell(local, 0);
    const next = await joinWorker(nats.url, { models: [fakeModel(name)] });
    await expect.poll(() => gateway.members().some(({ id }) => id === next.id)).toBe(true);
    await worker.side.leave();
    expect(local.cancelled).toBe(false);
    finish(model, local);
    expect(await heard.ended()).toMatchObject({ type: "finished" });
  });

  test("takes no jobs when it has left, and the jobs in its queue go to others", async () => {
    const { name, model, gateway, worker } = await one();
    await worker.side.leave();
    const own = fleetJob({ model: name, gateway: gateway.id });
    await gateway.publish(own, worker.id);
    const sibling = fakeModel(name);
    await joinWorker(nats.url, { models: [sibling] });
    expect(fleetIdOf(await sibling.job())).toBe(own.id);
    expect(model.jobs).toHaveLength(0);
  });

  test("gives a job that it cannot run now to others, and does not count as lost with it", async () => {
    const { name, model, gateway, worker } = await one();
    model.refuseWith = new WaggleError("resource_exhausted", "Full.");
    const job = fleetJob({ model: name, gateway: gateway.id });
    const heard = hear(gateway, job);
    await gateway.publish(job);
    await heard.until(() => heard.records.some((record) => record.kind === "said" && record.left === true));
    const sibling = fakeModel(name);
    await joinWorker(nats.url, { models: [sibling] });
    const local = await Promise.race([sibling.job(), heard.ended()]);
    expect(local).toBe(sibling.jobs[0]);
    expect(worker.side.running).toBe(0);
  });

  test("runs a job again that it has given back and that no other worker takes", async () => {
    const { name, model, gateway } = await one();
    const job = fleetJob({ model: name, gateway: gateway.id });
    const heard = hear(gateway, job);
    await gateway.publish(job);
    const local = await model.job();
    tell(local, 0);
    model.over(local);
    local.listener.ended({ type: "failed", code: "unavailable", message: "The model is unloaded." });
    const again = await Promise.race([model.job(1), heard.ended()]);
    expect(again).toBe(model.jobs[1]);
    expect(saidTo(model.jobs[1] as never)).toEqual({ ids: [100], events: 1 });
    finish(model, model.jobs[1] as never);
    expect(await heard.ended()).toMatchObject({ type: "finished" });
  });

  test("publishes the failure of an invalid job", async () => {
    const { name, model, gateway } = await one();
    model.refuseWith = new WaggleError("invalid_argument", "Too long.");
    const job = fleetJob({ model: name, gateway: gateway.id });
    const heard = hear(gateway, job);
    await gateway.publish(job);
    expect(await heard.ended()).toMatchObject({ type: "failed", message: "Too long." });
    await gone(job);
  });
});
