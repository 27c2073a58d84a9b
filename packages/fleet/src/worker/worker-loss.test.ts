import type { JobEvent } from "@waggle/engine";
import { createLogger } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import {
  connectTo,
  fakeModel,
  file,
  finish,
  finished,
  fleetIdOf,
  fleetJob,
  joinGateway,
  joinWorker,
  priorOutputOf,
  processId,
  receive,
  sendTokens,
  silent,
  tokenEvent,
  unique,
  useFleet,
  until,
  joinBoth,
  joinModel,
  submitJob,
  withParts,
} from "../testing/fleet.ts";
import { createBeats } from "../members/beats.ts";
import { createOrphanCheck } from "./orphans.ts";
import { keys, queues, topics } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import { encode, fleetVersion, type EventRecord, type FleetJob, type JobRecord } from "../queue/records.ts";
import { createRescue } from "../queue/rescue.ts";
import { openQueue, publishJob, takeJob } from "../queue/job-queue.ts";
import type { FleetRun } from "./fleet-run.ts";

const fleet = useFleet();
const otherFile = { ...file, modelSha256: "d".repeat(64), modelFile: "other.gguf" };

describe("a job whose worker is lost", () => {
  /** Writes the records of other workers. */
  async function publishRecords(job: FleetJob, ...records: EventRecord[]): Promise<void> {
    const { events: log } = await connectTo(fleet);
    const topic = topics.events(job.gateway, job.id);
    for (const record of records) await log.append(topic, encode(record), (await log.last(topic))?.sequence ?? 0);
  }

  function fence(worker: string, from = file): EventRecord {
    return { kind: "fence", attempt: unique("attempt"), worker, ...from };
  }

  /** The broker with another time. */
  function later(ms: number): (broker: Broker) => Broker {
    return (broker) => withParts(broker, { now: () => (broker.now() ?? NaN) + ms });
  }

  function events(...serials: number[]): EventRecord {
    return { kind: "events", attempt: "any", serial: 0, events: serials.map((index) => tokenEvent(index)) };
  }

  test("continues at another worker, before and after its first token, unless its client asks for an error", async () => {
    const { name, gateway, model: dying, worker } = await joinBoth(fleet, { slots: 4 });
    const jobs = [{}, {}, { onWorkerLoss: "error" } as const].map((more) =>
      fleetJob({ model: name, gateway: gateway.id, ...more }),
    );
    const received = jobs.map((job) => receive(gateway, job));
    // The second job is in this worker's queue, from which no other worker takes jobs.
    for (const [index, job] of jobs.entries()) {
      await gateway.publish(job, index === 1 ? { at: worker.id } : {});
      await dying.job(index);
    }
    sendTokens(await dying.job(1), 0, 1);
    sendTokens(await dying.job(2), 0);
    await until(() => received.slice(1).every((each) => each.tokens().length > 0));
    worker.kill();
    sendTokens(await dying.job(1), 2);
    const { model: sibling } = await joinModel(fleet, name, { slots: 4 });
    const resumed = await Promise.all([sibling.job(0), sibling.job(1)]);
    const fresh = resumed.find((local) => priorOutputOf(local) === undefined);
    const second = resumed.find((local) => local !== fresh);
    expect(priorOutputOf(second as never)).toEqual({ ids: [100, 101], events: 2 });
    sendTokens(fresh as never, 0);
    sendTokens(second as never, 2);
    for (const local of resumed) finish(sibling, local);
    expect(await Promise.all(received.map((each) => each.ended()))).toMatchObject([
      { type: "finished" },
      { type: "finished" },
      { type: "failed", code: "engine_failed", message: "The worker was lost in the middle of the answer." },
    ]);
    expect(received.map((each) => each.tokens())).toEqual([[100], [100, 101, 102], [100]]);
  });

  test("goes to an idle worker after a gateway's hint", async () => {
    const { name, gateway, model: dying, worker } = await joinBoth(fleet);
    const { job } = await submitJob(gateway, { model: name });
    await dying.job();
    // Its clock is stopped, so it takes jobs only after a hint.
    const { model: idle } = await joinModel(fleet, name, { clock: createFakeClock() });
    worker.kill();
    expect(fleetIdOf(await idle.job())).toBe(job.id);
  });

  test("continues at a worker that ran it before", async () => {
    const { name, gateway, model: first, worker: frozen } = await joinBoth(fleet);
    const { received } = await submitJob(gateway, { model: name });
    const before = await first.job();
    sendTokens(before, 0);
    await until(() => received.tokens().length === 1);
    frozen.freeze();
    const { model: second, worker: between } = await joinModel(fleet, name);
    const resumed = await second.job();
    sendTokens(resumed, 1);
    await until(() => received.tokens().length === 2);
    frozen.thaw();
    sendTokens(before, 1);
    await until(() => before.cancelled);
    first.over(before);
    between.kill();
    const returned = await first.job(1);
    expect(priorOutputOf(returned)).toEqual({ ids: [100, 101], events: 2 });
    sendTokens(returned, 2);
    finish(first, returned);
    expect(await received.ended()).toMatchObject({ type: "finished" });
    expect(received.tokens()).toEqual([100, 101, 102]);
    expect(frozen.moves).toEqual(["lost", "continued"]);
  });

  test("continues after the computed texts, and each text resets the count of silent crashes", async () => {
    const model = fakeModel(unique("model"));
    const gateway = await joinGateway(fleet);
    const { spec } = fleetJob();
    const texts = ["a", "b", "c", "d", "e"];
    const job = fleetJob({
      model: model.name,
      gateway: gateway.id,
      spec: { ...spec, model: model.name, work: { kind: "embed", texts } },
    });
    const vector = (index: number): JobEvent => ({ type: "embedding", jobId: "local", index, vector: [1], tokens: 1 });
    const received = receive(gateway, job);
    await publishRecords(job, fence("lost"), {
      kind: "events",
      attempt: "any",
      serial: 0,
      events: [vector(0), vector(1)],
    });
    await joinWorker(fleet, { models: [model] });
    await gateway.publish(job);
    const local = await model.job();
    expect(local.spec.prior).toMatchObject({ computed: 2 });
    for (const index of [2, 3]) {
      local.listener.event(vector(index));
      local.listener.engineLost(1);
    }
    finish(model, local);
    await received.ended();
    const deaths = received.records.flatMap((record) => (record.kind === "engine_lost" ? [record.enginesLost] : []));
    expect(deaths).toEqual([1, 1]);
  });

  test("ends after eight lost workers without output", async () => {
    const name = unique("model");
    const gateway = await joinGateway(fleet);
    const [poison, harmless] = [8, 7].map(() => fleetJob({ model: name, gateway: gateway.id })) as [FleetJob, FleetJob];
    await publishRecords(poison, ...Array.from({ length: 8 }, (_, index) => fence(`worker-${index}`)));
    await publishRecords(harmless, ...Array.from({ length: 7 }, (_, index) => fence(`worker-${index}`)));
    const received = receive(gateway, poison);
    await gateway.publish(poison);
    await gateway.publish(harmless);
    const { model } = await joinModel(fleet, name);
    expect(await received.ended()).toMatchObject({
      type: "failed",
      code: "engine_failed",
      message: "8 workers in a row were lost with the job, without new output.",
    });
    expect(fleetIdOf(await model.job())).toBe(harmless.id);
    expect(model.jobs).toHaveLength(1);
  });

  test("waits for a worker with its model file, and does not continue at workers with another file", async () => {
    const name = unique("model");
    const gateway = await joinGateway(fleet);
    const job = fleetJob({ model: name, gateway: gateway.id });
    await publishRecords(job, fence("lost"), events(0, 1));
    const { model: wrong } = await joinModel(fleet, name, { from: otherFile });
    await gateway.publish(job);
    const { model: right } = await joinModel(fleet, name);
    expect(priorOutputOf(await right.job())).toEqual({ ids: [100, 101], events: 2 });
    expect(wrong.jobs).toHaveLength(0);
    // NATS may have been away for longer than a job waits for a file.
    const late = fleetJob({ model: name, gateway: gateway.id });
    await publishRecords(late, fence("lost"), events(0));
    const rightAgain = fakeModel(unique("model"));
    const moved = { ...late, id: unique("job"), model: rightAgain.name };
    await publishRecords(moved, fence("lost"), events(0));
    await joinWorker(fleet, { models: [rightAgain], through: later(60_000) });
    await gateway.publish(moved);
    expect(priorOutputOf(await rightAgain.job())).toEqual({ ids: [100], events: 1 });
  });

  test("waits for a busy worker with its model file", async () => {
    const name = unique("model");
    const { model: busy } = await joinModel(fleet, name, { slots: 1 });
    const gateway = await joinGateway(fleet);
    await submitJob(gateway, { model: name });
    const first = await busy.job();
    const job = fleetJob({ model: name, gateway: gateway.id });
    await publishRecords(job, fence("lost"), events(0));
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const log = createLogger({ level: "info", format: "json", name: "test", destination });
    await joinModel(fleet, name, { from: otherFile, through: later(31_000), log });
    await gateway.publish(job);
    await until(() => lines.some((line) => line.includes("fleet_job_for_another_file")));
    finish(busy, first);
    expect(priorOutputOf(await busy.job(1))).toEqual({ ids: [100], events: 1 });
  });

  test.each([
    ["no worker serves its file for half a minute", file, "no other worker serves the model from the same file"],
    ["the hash of its file is unknown", { ...file, modelSha256: null }, "the hash of its model's file is unknown"],
  ])("ends when %s", async (_, from, why) => {
    const model = fakeModel(unique("model"), 2, otherFile);
    const gateway = await joinGateway(fleet);
    const job = fleetJob({ model: model.name, gateway: gateway.id });
    const received = receive(gateway, job);
    await publishRecords(job, fence("lost", from), events(0));
    await gateway.publish(job);
    await joinWorker(fleet, { models: [model], through: later(31_000) });
    const end = await received.ended();
    expect(end).toMatchObject({ type: "failed", code: "engine_failed" });
    expect(end).toHaveProperty("message", expect.stringContaining(why));
  });

  test("leaves the queue without another run if it has ended but its acknowledgement was lost", async () => {
    const model = fakeModel(unique("model"));
    const gateway = await joinGateway(fleet);
    const job = fleetJob({ model: model.name, gateway: gateway.id });
    await publishRecords(job, fence("lost"), events(0), {
      kind: "events",
      attempt: "a",
      serial: 1,
      events: [finished()],
    });
    // The gateway has received the job's end.
    await gateway.forget(job.id);
    await gateway.publish(job);
    const next = fleetJob({ model: model.name, gateway: gateway.id });
    await joinWorker(fleet, { models: [model] });
    await gateway.publish(next);
    expect(fleetIdOf(await model.job())).toBe(next.id);
    await until(async () => (await gateway.placeOf(job)) !== "queued");
    expect(model.jobs).toHaveLength(1);
    expect(await gateway.broker.events.read(topics.events(job.gateway, job.id))).toHaveLength(1);
  });
});

describe("jobs in the queue of a lost worker", () => {
  test("move to the common queue, whether or not that worker ever sent a beat, and that worker's queue is deleted after a minute", async () => {
    const [broker, gateway] = [await connectTo(fleet), await connectTo(fleet, "gateway")];
    const [announced, unknown, alive] = [unique("w. 1"), unique("w. 2"), unique("w. 3")] as [string, string, string];
    const model = unique("model");
    await openQueue(broker, model, "normal");
    const jobs = [announced, unknown, alive].map(() => fleetJob({ model }));
    const again = fleetJob({ model });
    async function publish(index: number, worker: string): Promise<void> {
      await broker.jobs.open(queues.at(worker), topics.jobsAt(worker));
      await publishJob(broker, jobs[index] as FleetJob, { at: worker });
    }
    await publish(0, announced);
    await publish(2, alive);
    const clock = createFakeClock();
    const beats = {
      silentWorkers: () => ["unasked", announced],
      hasLeft: () => false,
      isAlive: (_: string, id: string) => id === alive,
    };
    // The size of one worker's queue cannot be asked: the other workers' jobs move meanwhile.
    const sizeOf: Broker["jobs"]["sizeOf"] = async (queue) =>
      queue === queues.at("unasked") ? await Promise.reject(new Error("late")) : await gateway.jobs.sizeOf(queue);
    const asking = withParts(gateway, { jobs: withParts(gateway.jobs, { sizeOf }) });
    const rescueJobs = createRescue({ broker: asking, beats, models: () => [], clock, log: silent });
    const takeShared = () => takeJob(broker, queues.of(model, "normal"));
    await rescueJobs();
    expect((await takeShared())?.job).toEqual(jobs[0]);
    expect(await takeShared()).toBeUndefined();
    // The broker may answer late: the worker's queue counts as gone only when the broker says so.
    await publishJob(broker, again, { at: announced });
    fleet.server.link("gateway").hold();
    await rescueJobs();
    fleet.server.link("gateway").release();
    await rescueJobs();
    expect((await takeShared())?.job).toEqual(again);
    expect(await takeShared()).toBeUndefined();
    await publish(1, unknown);
    clock.advance(60_000);
    await rescueJobs();
    expect((await takeShared())?.job).toEqual(jobs[1]);
    expect(await takeShared()).toBeUndefined();
    async function haveQueues(): Promise<boolean[]> {
      const names = await broker.jobs.list();
      return [announced, unknown, alive].map((worker) => names.includes(queues.at(worker)));
    }
    clock.advance(40_000);
    await rescueJobs();
    expect(await haveQueues()).toEqual([false, true, true]);
    clock.advance(20_000);
    await rescueJobs();
    expect(await haveQueues()).toEqual([false, false, true]);
    expect((await takeJob(broker, queues.at(alive)))?.job).toEqual(jobs[2]);
    // The broker has lost the queue and found it again.
    const found = fleetJob({ model });
    await broker.jobs.open(queues.at(announced), topics.jobsAt(announced));
    await publishJob(broker, found, { at: announced });
    clock.advance(60_000);
    await rescueJobs();
    expect((await takeShared())?.job).toEqual(found);
  });
});

describe("jobs whose gateway is gone", () => {
  test("end after the time for orphans, unless another gateway reads them", async () => {
    const broker = await connectTo(fleet);
    const gateways = await connectTo(fleet);
    const clock = createFakeClock();
    const beats = createBeats(broker, { kind: "worker", id: unique("worker") }, clock);
    const cancelled: string[] = [];
    const runOf = (id: string, gateway: string, orphanMs: number | null): FleetRun => {
      const job = fleetJob({ id, gateway: processId(gateway), orphanMs, clientJob: { client: "someone", id } });
      const cancel = (by: string): void => void cancelled.push(`${id} ${by}`);
      return { job, submitted: true, mayMove: true, cancel, handOver: async () => {} };
    };
    const runs = [
      runOf("direct", "silent", 0),
      runOf("kept", "silent", 60_000),
      runOf("taken-over", "silent", 60_000),
      runOf("endless", "silent", null),
      runOf("left", "leaving", 10_000),
    ];
    const record: JobRecord = {
      version: fleetVersion,
      id: "taken-over",
      gateway: processId("second"),
      origin: processId("silent"),
      spec: { who: { client: "someone", trace: "trace" } } as never,
      callKey: "key",
      fleetIds: ["taken-over"],
      waits: false,
    };
    await broker.records.jobs.put(keys.job("someone", "taken-over"), encode(record));
    const endOrphans = createOrphanCheck({ broker, beats, clock, runs: () => runs });

    /** Sends a gateway's beat, which may announce that the gateway leaves. */
    async function beat(gateway: string, data = ""): Promise<void> {
      gateways.messages.send(topics.beat("gateway", gateway), Buffer.from(data));
      await until(() => beats.isAlive("gateway", processId(gateway), data === "" ? 1 : 60_000) === (data === ""));
    }
    /** The jobs that end at this time, in seconds. */
    async function endedAt(s: number): Promise<string[]> {
      clock.advance(s * 1_000 - clock.now());
      await endOrphans();
      const ended = cancelled.splice(0);
      for (const each of ended)
        runs.splice(
          runs.findIndex(({ job }) => each.startsWith(`${job.id} `)),
          1,
        );
      return ended;
    }
    expect(await endedAt(10)).toEqual([]);
    for (const gateway of ["silent", "second", "leaving"]) await beat(gateway);
    await beat("leaving", "left");
    expect(await endedAt(12)).toEqual([]);
    expect(await endedAt(21)).toEqual([]);
    expect(await endedAt(22)).toEqual(["left orphaned"]);
    expect(await endedAt(44)).toEqual([]);
    await beat("second");
    expect(await endedAt(45)).toEqual(["direct orphaned"]);
    await beat("second", "left");
    expect(await endedAt(46)).toEqual([]);
    expect(await endedAt(104)).toEqual([]);
    expect(await endedAt(105)).toEqual(["kept orphaned"]);
    expect(await endedAt(106)).toEqual(["taken-over orphaned"]);
    runs.push(runOf("late", "silent", 0));
    fleet.server.stop();
    await until(() => !broker.connected);
    expect(await endedAt(1_000)).toEqual([]);
    beats.close();
  });
});
