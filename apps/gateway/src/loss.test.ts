// Tests a gateway when one worker, all workers or NATS are lost.
import { ErrorBodySchema } from "@waggle/protocol";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFakeFleet } from "./testing/fake-fleet.ts";
import type { FakeFleet } from "./testing/fake-fleet.ts";
import { createInlineGateway } from "./testing/inline-gateway.ts";
import type { InlineGateway } from "./testing/inline-gateway.ts";
import { publishedJob, until } from "./testing/waiting.ts";

let fleet: FakeFleet;
let gateway: InlineGateway;
beforeEach(() => {
  fleet = createFakeFleet();
  fleet.join({ id: "w1", model: "m", slots: 2 });
  fleet.join({ id: "w2", model: "m", slots: 2 });
  gateway = createInlineGateway(fleet);
});
afterEach(() => gateway.stop());

async function errorOf(response: Response) {
  return { status: response.status, ...ErrorBodySchema.parse(await response.json()).error };
}

function tokensOf(id: string): (readonly [number, string])[] {
  const log = gateway.registry.get("local", id)?.log;
  return (log?.tokensFrom(0, 1_000) ?? []).map(({ index, text }) => [index, text] as const);
}

it("continues a stream at another worker, and sends no event twice", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const job = await publishedJob(fleet);
  const lost = fleet.take(job, "w1").start("a", "b");
  const next = fleet.take(job, "w2");
  // Records of the earlier worker after the takeover do not count.
  lost.tokens("stale");
  next.start();
  next.goOnAfter(1);
  next.finish("b", "c");
  expect(tokensOf("j")).toEqual([
    [0, "a"],
    [1, "b"],
    [2, "c"],
  ]);
  const log = gateway.registry.get("local", "j")?.log;
  expect(log?.waiting?.event).toMatchObject({ type: "status", status: "resuming" });
  expect(log?.terminal).toMatchObject({ type: "end", usage: { completion_tokens: 3 } });
});

it("sends no event for a worker that was lost before its first output", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const job = await publishedJob(fleet);
  fleet.take(job, "w1").start();
  const next = fleet.take(job, "w2").start("a");
  next.finish();
  const log = gateway.registry.get("local", "j")?.log;
  expect(log?.waiting?.event).not.toMatchObject({ status: "resuming" });
  expect(log?.terminal).toMatchObject({ type: "end" });
});

it("ends a job with missing records, and frees its slot", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const job = await publishedJob(fleet);
  const attempt = fleet.take(job, "w1").start();
  attempt.goOnAfter(3);
  attempt.tokens("late");
  expect(gateway.registry.get("local", "j")?.log.terminal).toMatchObject({ type: "error", code: "internal" });
  expect(fleet.cancelled).toEqual([job.id]);
  expect(gateway.logLines).toContainEqual(expect.objectContaining({ msg: "fleet_records_broken" }));
});

it("accepts no job while no worker serves the model, with the model's name in the error", async () => {
  fleet.leave("w1");
  fleet.leave("w2");
  const refused = await gateway.post("/v1/jobs", { prompt: "x", model: "m" });
  expect(refused.headers.get("retry-after")).not.toBeNull();
  expect(await errorOf(refused)).toMatchObject({ status: 503, message: expect.stringContaining("serves m") as string });
});

it("after a minute without workers, ends waiting jobs and the jobs of the lost worker", async () => {
  for (const id of ["runs", "b", "c", "d", "waits"])
    await gateway.post("/v1/jobs", { prompt: "x", job_id: id, on_disconnect: "continue" });
  fleet.take(await publishedJob(fleet), "w1").start("one");
  fleet.leave("w1");
  fleet.leave("w2");
  gateway.clock.advance(59_000);
  expect(await (await gateway.get("/v1/jobs/waits")).json()).toMatchObject({ state: "queued" });
  gateway.clock.advance(3_000);
  for (const id of ["runs", "b", "c", "d", "waits"]) {
    expect(await (await gateway.get(`/v1/jobs/${id}`)).json()).toMatchObject({ error: { code: "unavailable" } });
  }
  fleet.join({ id: "w3", model: "m", slots: 1 });
  expect((await gateway.post("/v1/jobs", { prompt: "x" })).status).toBe(202);
});

it("lets a leaving worker finish its jobs, however long they take", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j", on_disconnect: "continue" });
  const attempt = fleet.take(await publishedJob(fleet), "w1").start();
  fleet.leave("w1");
  fleet.leave("w2");
  for (let minute = 0; minute < 5; minute += 1) {
    gateway.clock.advance(50_000);
    attempt.tokens("word ");
  }
  attempt.finish();
  expect(tokensOf("j")).toHaveLength(5);
});

it("ends the job of a lost worker if no other worker continues the job for two minutes", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j", on_disconnect: "continue" });
  fleet.take(await publishedJob(fleet), "w1").start();
  fleet.silence("w1");
  gateway.clock.advance(119_000);
  expect(await (await gateway.get("/v1/jobs/j")).json()).toMatchObject({ state: "prefill" });
  gateway.clock.advance(2_000);
  expect(await (await gateway.get("/v1/jobs/j")).json()).toMatchObject({
    error: { code: "unavailable", message: expect.stringContaining("w1 is gone") as string },
  });
  // No worker should run the job later.
  expect(fleet.cancelled).toHaveLength(1);
});

it("queues new jobs while NATS is away, and continues running jobs when NATS returns in time", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const attempt = fleet.take(await publishedJob(fleet), "w1").start("a");
  fleet.connect(false);
  expect((await gateway.post("/v1/jobs", { prompt: "x", job_id: "late" })).status).toBe(202);
  gateway.clock.advance(29_000);
  fleet.connect(true);
  attempt.finish("b");
  expect(tokensOf("j")).toHaveLength(2);
  expect((await publishedJob(fleet, 1)).clientJob.id).toBe("late");
});

it("refuses jobs when NATS has been away for half a minute", async () => {
  fleet.connect(false);
  expect((await gateway.post("/v1/jobs", { prompt: "x", job_id: "hopes" })).status).toBe(202);
  gateway.clock.advance(31_000);
  const refused = await gateway.post("/v1/jobs", { prompt: "x" });
  expect(refused.headers.get("retry-after")).not.toBeNull();
  expect(await errorOf(refused)).toMatchObject({ status: 503, message: expect.stringContaining("NATS") as string });
});

it("ends running and waiting jobs when NATS is away for half a minute, and takes jobs again when it is back", async () => {
  for (const id of ["a", "b", "c", "d", "waits"])
    await gateway.post("/v1/jobs", { prompt: "x", job_id: id, on_disconnect: "continue" });
  await publishedJob(fleet, 3);
  fleet.connect(false);
  gateway.clock.advance(31_000);
  for (const id of ["a", "waits"]) {
    expect(await (await gateway.get(`/v1/jobs/${id}`)).json()).toMatchObject({
      error: { code: "unavailable", message: expect.stringContaining("NATS") as string },
    });
  }
  expect(fleet.cancelled).toEqual([]);
  fleet.connect(true);
  const given = fleet.published.slice(0, 4).map(({ job }) => job.id);
  expect(fleet.cancelled.toSorted()).toEqual(given.toSorted());
  expect((await gateway.post("/v1/jobs", { prompt: "x" })).status).toBe(202);
  await publishedJob(fleet, 4);
});

it("ends a cancelled job whose worker never confirms the cancel", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  fleet.take(await publishedJob(fleet), "w1").start();
  const cancelling = gateway.delete("/v1/jobs/j");
  await until(() => expect(fleet.cancelled).toHaveLength(1));
  gateway.clock.advance(2_000);
  expect(await (await cancelling).json()).toMatchObject({ state: "cancelled" });
  expect(await (await gateway.get("/v1/models/status")).json()).toMatchObject({ models: [{ slots: { busy: 1 } }] });
  gateway.clock.advance(30_000);
  expect(await (await gateway.get("/v1/models/status")).json()).toMatchObject({ models: [{ slots: { busy: 0 } }] });
});

/** Lets a second pass, and the answers to questions of that second arrive. */
async function seconds(count: number): Promise<void> {
  for (let second = 0; second < count; second += 1) {
    gateway.clock.advance(1_000);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

const timesAgain = (): readonly number[] => fleet.published.map(({ again }) => again);

it("publishes a job again when the queue has lost it, and asks about the job every ten seconds", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j", on_disconnect: "continue" });
  const { id } = await publishedJob(fleet);
  await seconds(9);
  expect(fleet.asked).toEqual([]);
  await seconds(20);
  expect([fleet.asked, timesAgain()]).toEqual([[id, id], [0]]);
  fleet.lose(id);
  fleet.connect(false);
  await seconds(20);
  expect(fleet.asked).toHaveLength(2);
  fleet.connect(true);
  await seconds(2);
  expect(timesAgain()).toEqual([0, 1]);
  const attempt = fleet.take(await publishedJob(fleet, 1), "w1").start("a");
  fleet.lose(id);
  await seconds(14);
  expect(timesAgain()).toEqual([0, 1]);
  await seconds(2);
  expect(timesAgain()).toEqual([0, 1, 2]);
  expect(fleet.published.every(({ job }) => job.id === id)).toBe(true);
  expect(gateway.logLines).toContainEqual(expect.objectContaining({ msg: "fleet_job_published_again", again: 2 }));
  attempt.finish("b");
  expect(tokensOf("j")).toHaveLength(2);
});

it("waits for the end of a job that has left the queue, for a minute", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j", on_disconnect: "continue" });
  const attempt = fleet.take(await publishedJob(fleet), "w1").start("a");
  fleet.connect(false);
  attempt.finish("b");
  fleet.lose((await publishedJob(fleet)).id);
  fleet.connect(true);
  await seconds(58);
  expect([timesAgain(), gateway.registry.get("local", "j")?.log.terminal]).toEqual([[0], undefined]);
  await seconds(12);
  expect(gateway.registry.get("local", "j")?.log.terminal).toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("last records") as string,
  });
});

it("leaves a lost job to the gateway that took it over, which ends the job because it has no prompt", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j", on_disconnect: "continue" });
  const { id } = await publishedJob(fleet);
  await until(() => expect(JSON.stringify(fleet.records.get("local j"))).toContain('"waits":false'));
  const other = createInlineGateway(fleet, { id: "g2" });
  const stateThere = async (): Promise<unknown> => await (await other.get("/v1/jobs/j")).json();
  await stateThere();
  fleet.lose(id);
  await seconds(30);
  other.clock.advance(16_000);
  await until(async () =>
    expect(await stateThere()).toMatchObject({
      error: { code: "unavailable", message: expect.stringContaining("has lost it") as string },
    }),
  );
  expect(timesAgain()).toEqual([0]);
  await other.stop();
});
