// Tests several gateways of one fleet: the order of a session's jobs, and clients that move to another gateway.
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFakeFleet, processId } from "./testing/fake-fleet.ts";
import type { FakeFleet } from "./testing/fake-fleet.ts";
import { createInlineGateway } from "./testing/inline-gateway.ts";
import type { InlineGateway } from "./testing/inline-gateway.ts";
import { publishedJob, until } from "./testing/waiting.ts";

let fleet: FakeFleet;
let one: InlineGateway;
let other: InlineGateway;
beforeEach(() => {
  fleet = createFakeFleet();
  fleet.join({ id: "w1", model: "m", slots: 4 });
  one = createInlineGateway(fleet, { id: "g1" });
  other = createInlineGateway(fleet, { id: "g2" });
});
afterEach(async () => {
  await one.stop();
  await other.stop();
});

async function statusOf(gateway: InlineGateway, id: string): Promise<unknown> {
  return await (await gateway.get(`/v1/jobs/${id}`)).json();
}

it("starts a session's next job when the session's job at another gateway has ended", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "old", session_id: "s" });
  const old = await publishedJob(fleet);
  const attempt = fleet.take(old, "w1").start();
  await other.post("/v1/jobs", { prompt: "x", job_id: "new", session_id: "s" });
  await until(() => expect(fleet.cancelled).toEqual([old.id]));
  expect(fleet.published).toHaveLength(1);
  attempt.release();
  const next = await publishedJob(fleet, 1);
  expect(next.clientJob.id).toBe("new");
  expect(await statusOf(one, "old")).toMatchObject({ state: "cancelled", cancelled_by: "superseded" });
  fleet.take(next, "w1").finish();
  await until(() => expect(fleet.sessions.size).toBe(0));
});

it("counts a deadline from the acceptance, also at the gateway that takes the job over", async () => {
  fleet.time = 1_000;
  await one.post("/v1/jobs", { prompt: "x", job_id: "j", deadline_ms: 10_000 });
  fleet.take(await publishedJob(fleet), "w1").start("a");
  fleet.time = 9_000;
  expect(await statusOf(other, "j")).toMatchObject({ state: "decode" });
  other.clock.advance(1_900);
  await Promise.resolve();
  expect(fleet.cancelled).toEqual([]);
  other.clock.advance(200);
  await until(() => expect(fleet.cancelled).toHaveLength(1));
});

it("at one gateway, the dispatcher ends a session's older job, and the newer job has the session", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "a", session_id: "s" });
  await publishedJob(fleet);
  await one.post("/v1/jobs", { prompt: "x", job_id: "b", session_id: "s" });
  await publishedJob(fleet, 1);
  expect(await statusOf(one, "a")).toMatchObject({ cancelled_by: "superseded" });
  expect(fleet.sessions.get("local s")).toMatchObject({ gateway: "g1", jobId: "b" });
});

it.each([
  ["the newer job has the session, whichever claim reaches NATS first", 1_000, 2_000, "new"],
  ["the later claim has the session if a gateway does not know the time", undefined, 2_000, "old"],
] as const)("after an outage of NATS %s", async (_, oldAt, newAt, winner) => {
  fleet.connect(false);
  fleet.time = newAt;
  await other.post("/v1/jobs", { prompt: "x", job_id: "new", session_id: "s" });
  fleet.time = oldAt;
  await one.post("/v1/jobs", { prompt: "x", job_id: "old", session_id: "s" });
  fleet.connect(true);
  other.clock.advance(500);
  await publishedJob(fleet);
  one.clock.advance(500);
  const [loser, its] = winner === "new" ? ([one, "old"] as const) : ([other, "new"] as const);
  await until(async () => expect(await statusOf(loser, its)).toMatchObject({ cancelled_by: "superseded" }));
  expect(fleet.sessions.get("local s")?.jobId).toBe(winner);
});

const bySupersession = { by: "superseded", timeoutMs: 1_500 } as const;

it("cancels a session by its id at any gateway", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "a", session_id: "s" });
  const attempt = fleet.take(await publishedJob(fleet), "w1").start();
  await until(() => expect(fleet.sessions.size).toBe(1));
  const asked = other.delete("/v1/sessions/s");
  await until(() => expect(fleet.cancelled).toHaveLength(1));
  attempt.release();
  expect(await (await asked).json()).toEqual({ session_id: "s", cancelled: true, job_id: "a" });
  expect(await statusOf(one, "a")).toMatchObject({ cancelled_by: "client" });
  expect(await (await other.delete("/v1/sessions/s")).json()).toEqual({ session_id: "s", cancelled: false });
});

it("does not end the session's newest job when an older one ends", async () => {
  for (const id of ["a", "b"]) await one.post("/v1/jobs", { prompt: "x", job_id: id, session_id: "s" });
  await publishedJob(fleet, 1);
  await fleet.side("g3").end({ gateway: processId("g1"), jobId: "a" }, "local", bySupersession);
  expect(await statusOf(one, "b")).not.toMatchObject({ state: "cancelled" });
  await fleet.side("g3").end({ gateway: processId("g1"), jobId: "b" }, "local", bySupersession);
  expect(await statusOf(one, "b")).toMatchObject({ cancelled_by: "superseded" });
});

it("ends the session's job of a lost gateway", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "old", session_id: "s" });
  const old = await publishedJob(fleet);
  await until(() => expect(fleet.records.size).toBe(1));
  fleet.silence("g1");
  await other.post("/v1/jobs", { prompt: "x", job_id: "new", session_id: "s" });
  await publishedJob(fleet, 1);
  expect([fleet.cancelled, fleet.cancelReasons]).toEqual([[old.id], ["superseded"]]);
});

it("ends the session's job of a gateway that counts as alive but does not answer", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "old", session_id: "s" });
  const old = await publishedJob(fleet);
  await until(() => expect(fleet.records.size).toBe(1));
  fleet.hush("g1");
  await other.post("/v1/jobs", { prompt: "x", job_id: "new", session_id: "s" });
  await publishedJob(fleet, 1);
  expect(fleet.cancelled).toEqual([old.id]);
});

it("continues the jobs of its earlier process after a restart", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "j", on_disconnect: "continue" });
  const attempt = fleet.take(await publishedJob(fleet), "w1").start("a");
  await until(() => expect(fleet.records.size).toBe(1));
  fleet.silence("g1");
  const again = createInlineGateway(fleet, { id: "g1", process: "g1 again" });
  const reading = again.get("/v1/jobs/j/stream");
  await until(() => expect(again.registry.get("local", "j")?.log.nextToken).toBe(1));
  attempt.finish("b");
  expect(await (await reading).text()).toContain('"finish_reason":"stop"');
  await again.stop();
});

it("continues a stream identically, with the same call ids, when the client moves to another gateway", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "j", on_disconnect: "continue" });
  const attempt = fleet.take(await publishedJob(fleet), "w1");
  const call = { kind: "call", index: 0, name: "look" } as const;
  attempt.start();
  attempt.tokens("a", "b");
  attempt.emit({ type: "token", jobId: "x", index: 2, text: "", part: call, tMs: 3, ids: [9], n: 1 });
  attempt.goOnAfter(3);
  fleet.silence("g1");
  const moved = other.get("/v1/jobs/j/stream", { "last-event-id": "0" });
  await until(() => expect(other.registry.get("local", "j")?.log.nextToken).toBe(3));
  attempt.finish("d");
  const [here, there] = [one, other].map(({ registry }) => registry.get("local", "j")?.log);
  const streamed = (log: typeof here): unknown =>
    log?.tokensFrom(0, 10).map(({ index, text, call: named }) => [index, text, named]);
  expect(streamed(there)).toEqual(streamed(here));
  const text = await (await moved).text();
  expect(text).not.toContain("id: 0\n");
  // The end event has the next id after the last token.
  expect([...text.matchAll(/^id: (\d)/gm)].map(([, id]) => id)).toEqual(["1", "2", "3", "4"]);
  expect(fleet.records.get("local j")?.gateway).toBe("g2");
});

it("sends the same message and receipt, and no receipt if NATS deleted the first records", async () => {
  const messages = [{ role: "user", content: "x" }];
  const sampling = { grammar: 'root ::= "ab"', logit_bias: { 1: 2 } };
  await one.post("/v1/jobs", { messages, ...sampling, job_id: "j", on_disconnect: "continue" });
  const job = await publishedJob(fleet);
  const attempt = fleet.take(job, "w1").start("a", "b");
  await until(() => expect(fleet.records.size).toBe(1));
  expect(JSON.stringify(fleet.records.get("local j"))).not.toContain('"content"');
  await statusOf(other, "j");
  const late = createInlineGateway(fleet, { id: "g3" });
  fleet.drop(job.id, 3);
  await statusOf(late, "j");
  attempt.finish("c");
  const [here, there, end] = [one, other, late].map(({ registry }) => registry.get("local", "j")?.log);
  expect(there?.terminal).toMatchObject({ message: { content: "abc" }, receipt: expect.anything() as unknown });
  const untimed = (log: typeof here): unknown => ({ ...log?.terminal, timings: undefined });
  expect(untimed(there)).toEqual(untimed(here));
  expect(end?.tokensFrom(1, 9).map(({ index, text }) => [index, text])).toEqual([
    [1, "b"],
    [2, "c"],
  ]);
  expect(end?.firstToken).toBe(1);
  expect(end?.terminal).toMatchObject({ type: "end", finish_reason: "stop" });
  expect(end?.terminal).not.toHaveProperty("receipt");
  expect(end?.terminal).not.toHaveProperty("message");
  await late.stop();
});

it("takes a job over once, however many requests ask for it", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "j", on_disconnect: "continue" });
  fleet.take(await publishedJob(fleet), "w1").start();
  const both = await Promise.all([statusOf(other, "j"), statusOf(other, "j")]);
  expect(both).toEqual([both[0], both[0]]);
  expect(other.logLines.filter(({ msg }) => msg === "job_taken_over")).toHaveLength(1);
  expect((await other.get("/v1/jobs/unknown")).status).toBe(404);
});

it("does not end a job whose readers have moved to another gateway", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const attempt = fleet.take(await publishedJob(fleet), "w1").start();
  await until(() => expect(fleet.records.size).toBe(1));
  const reading = other.get("/v1/jobs/j/stream");
  await until(() => expect(other.registry.get("local", "j")?.readers).toBe(1));
  one.clock.advance(30_000);
  await until(() => expect(one.registry.liveCount).toBe(0));
  expect(fleet.cancelled).toEqual([]);
  attempt.finish("on");
  expect(await (await reading).text()).toContain('"type":"end"');
});

it("ends a job of another gateway when its client cancels it here", async () => {
  await one.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const job = await publishedJob(fleet);
  const attempt = fleet.take(job, "w1").start("a");
  const cancelling = other.delete("/v1/jobs/j");
  await until(() => expect(fleet.cancelled).toEqual([job.id]));
  attempt.release();
  expect(await (await cancelling).json()).toMatchObject({ state: "cancelled", cancelled_by: "client", tokens: 1 });
  expect(await statusOf(one, "j")).toMatchObject({ state: "cancelled" });
});

it("asks the session's last worker first", async () => {
  fleet.join({ id: "w2", model: "m", slots: 4 });
  const run = async (nth: number, worker: string): Promise<void> => {
    await one.post("/v1/jobs", { prompt: "x", session_id: "s" });
    fleet.take(await publishedJob(fleet, nth), worker).finish();
  };
  await run(0, "w2");
  await run(1, "w2");
  expect(fleet.published.map(({ at }) => at)).toEqual([undefined, "w2"]);
  const { answer } = fleet;
  fleet.answer = (question, worker) =>
    question.kind === "offer" ? { kind: "offer", taken: false } : answer(question, worker);
  await run(2, "w1");
  // A dead worker is not asked.
  fleet.silence("w1");
  await run(3, "w2");
  expect(fleet.offered).toEqual(["w2", "w2"]);
  expect(fleet.published.map(({ at }) => at)).toEqual([undefined, "w2", undefined, undefined]);
});
