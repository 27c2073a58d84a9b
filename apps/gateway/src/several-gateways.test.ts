// Tests several gateways of one fleet: the order of a session's jobs, and clients that move to another gateway.
import type { JobEvent } from "@waggle/engine";
import { pass, tokenEvent, until, useFleet } from "@waggle/fleet/testing";
import { beforeEach, expect, it } from "vitest";
import { received, startGateway, startWorker, stopNats, type TestGateway, type TestWorker } from "./testing/gateway.ts";

const fleet = useFleet();
let worker: TestWorker;
let one: TestGateway;
let other: TestGateway;
beforeEach(async () => {
  worker = await startWorker(fleet, { slots: 4 });
  one = await startGateway(fleet);
  other = await startGateway(fleet, { id: "g2" });
});

const job = { prompt: "x", job_id: "j" };
const turn = (id: string) => ({ prompt: "x", job_id: id, session_id: "s" });
const sessionOf = async () => await one.member.sessions.get("local", "s");

it("starts a session's next job when the session's job at another gateway has ended", async () => {
  await one.post("/v1/jobs", turn("old"));
  const old = await worker.tokens(0);
  await other.post("/v1/jobs", turn("new"));
  await until(() => old.cancelled);
  expect(worker.model.jobs).toHaveLength(1);
  await worker.release(0);
  expect((await worker.model.job(1)).spec.who.streamId).toBe("new");
  expect(await one.status("old")).toMatchObject({ state: "cancelled", cancelled_by: "superseded" });
  await worker.finish(1);
  await pass(fleet, 1_000);
  expect(await sessionOf()).toBeUndefined();
});

it("cancels a session by its id at any gateway: the job that came last", async () => {
  await one.post("/v1/jobs", turn("a"));
  await worker.tokens(0);
  await one.post("/v1/jobs", turn("b"));
  await worker.release(0);
  await worker.tokens(1);
  expect(await one.status("a")).toMatchObject({ cancelled_by: "superseded" });
  const asked = other.delete("/v1/sessions/s");
  await worker.release(1);
  expect(await (await asked).json()).toEqual({ session_id: "s", cancelled: true, job_id: "b" });
  expect(await one.status("b")).toMatchObject({ cancelled_by: "client" });
  await pass(fleet, 1_000);
  expect(await sessionOf()).toBeUndefined();
  expect(await (await other.delete("/v1/sessions/s")).json()).toEqual({ session_id: "s", cancelled: false });
});

it.each([
  ["newer", 1, 300],
  ["older", 300, 1],
])(
  "after an outage the newer job has the session, although the %s claim reaches NATS first",
  async (_, newMs, oldMs) => {
    await stopNats(fleet, one, other);
    await one.post("/v1/jobs", turn("old"));
    await pass(fleet, 1_000);
    await other.post("/v1/jobs", turn("new"));
    one.member.link.delay({ minMs: oldMs, maxMs: oldMs });
    other.member.link.delay({ minMs: newMs, maxMs: newMs });
    fleet.server.start();
    await until(() => one.registry.get("local", "old")?.log.terminal !== undefined);
    expect(await one.status("old")).toMatchObject({ cancelled_by: "superseded" });
    await until(async () => (await sessionOf())?.jobId === "new");
  },
);

it.each(["lost", "frozen"])("ends the session's job of a gateway that is %s", async (how) => {
  await one.post("/v1/jobs", turn("old"));
  const old = await worker.tokens(0);
  await pass(fleet, 100);
  if (how === "frozen") one.member.freeze();
  else one.member.kill();
  if (how === "lost") await pass(fleet, 6_000);
  await other.post("/v1/jobs", turn("new"));
  expect((await worker.model.job(1)).spec.who.streamId).toBe("new");
  await until(() => old.cancelled);
  await other.get("/v1/jobs/old");
  await worker.release(0);
  await until(() => other.registry.get("local", "old")?.log.terminal !== undefined);
  expect(await other.status("old")).toMatchObject({ cancelled_by: "superseded" });
});

it("counts a deadline from the acceptance, also at the gateway that takes the job over", async () => {
  await one.post("/v1/jobs", { ...job, deadline_ms: 10_000 });
  const local = await worker.tokens(0, "a");
  await pass(fleet, 8_000);
  await other.get("/v1/jobs/j");
  await other.has("j", 1);
  one.member.kill();
  await pass(fleet, 1_800);
  expect(local.cancelled).toBe(false);
  await pass(fleet, 400);
  expect(local.cancelled).toBe(true);
});

it("continues a stream identically, with the same call ids, when the client moves to another gateway", async () => {
  await one.post("/v1/jobs", job);
  await worker.tokens(0, "a", "b");
  const call = { kind: "call", index: 0, name: "look" };
  await worker.emit(0, { ...tokenEvent(2), part: call } as JobEvent);
  await one.has("j", 3);
  const streamed = ({ registry }: TestGateway): unknown =>
    registry
      .get("local", "j")
      ?.log.tokensFrom(0, 3)
      .map(({ index, text, call: named }) => [index, text, named]);
  const before = streamed(one);
  one.member.kill();
  const moved = received(await other.get("/v1/jobs/j/stream", { "last-event-id": "0" }));
  await worker.finish(0, "d");
  // The end event has the next id after the last token.
  expect((await moved).ids).toEqual(["1", "2", "3", "4"]);
  expect(streamed(other)).toEqual(before);
});

it("sends the same message and receipt, and no receipt if NATS deleted the first records", async () => {
  const messages = [{ role: "user", content: "x" }];
  const sampling = { grammar: 'root ::= "ab"', logit_bias: { 1: 2 }, seed: 1 };
  await one.post("/v1/jobs", { messages, ...sampling, job_id: "j" });
  for (const [index, text] of ["a", "b"].entries()) {
    await worker.tokens(0, text);
    await one.has("j", index + 1);
  }
  await other.get("/v1/jobs/j");
  await other.has("j", 2);
  // As NATS does by age: the last record stays.
  await one.member.forget(one.published[0]?.job.id ?? "");
  const late = await startGateway(fleet, { id: "g3" });
  await late.get("/v1/jobs/j");
  await late.has("j", 2);
  await worker.finish(0, "c");
  const logOf = ({ registry }: TestGateway) => registry.get("local", "j")?.log;
  await until(() => [one, other, late].every((gateway) => logOf(gateway)?.terminal !== undefined));
  const untimed = (gateway: TestGateway): object => ({ ...logOf(gateway)?.terminal, timings: undefined });
  expect(untimed(other)).toMatchObject({ message: { content: "abc" }, receipt: expect.anything() as unknown });
  expect(untimed(other)).toEqual(untimed(one));
  expect(
    logOf(late)
      ?.tokensFrom(1, 9)
      .map(({ text }) => text),
  ).toEqual(["b", "c"]);
  expect([logOf(late)?.firstToken, untimed(late)]).toMatchObject([1, { type: "end", finish_reason: "stop" }]);
  for (const field of ["receipt", "message"]) expect(untimed(late)).not.toHaveProperty(field);
});

it("takes a job over once, however many requests ask for it", async () => {
  await one.post("/v1/jobs", job);
  await worker.tokens(0);
  const both = await Promise.all([other.get("/v1/jobs/j"), other.get("/v1/jobs/j")]);
  expect(both.map(({ status }) => status)).toEqual([200, 200]);
  expect(other.logLines.filter(({ msg }) => msg === "job_taken_over")).toHaveLength(1);
  expect((await other.get("/v1/jobs/unknown")).status).toBe(404);
});

it("does not end a job whose readers have moved to another gateway", async () => {
  await one.post("/v1/jobs", job);
  const local = await worker.tokens(0);
  await pass(fleet, 100);
  const reading = received(await other.get("/v1/jobs/j/stream"));
  await pass(fleet, 31_000);
  expect([one.registry.liveCount, local.cancelled]).toEqual([0, false]);
  await worker.finish(0, "on");
  expect((await reading).text).toContain('"type":"end"');
});

it("keeps a job that it has a reader of when the gateways have left that accepted and took over the job", async () => {
  const first = await startGateway(fleet, { id: "g3" });
  await first.post("/v1/jobs", { ...job, job_id: "shared" });
  const local = await worker.tokens(0, "a");
  const reader = received(await one.get("/v1/jobs/shared/stream"));
  await other.get("/v1/jobs/shared/stream");
  await Promise.all([first.leave(), other.leave()]);
  await pass(fleet, 60_000);
  expect(local.cancelled).toBe(false);
  await worker.finish(0, "b");
  expect((await reader).text).toContain('"type":"end"');
});

it("sends a session's next job to the worker of its last one", async () => {
  await one.post("/v1/jobs", turn("a"));
  await worker.finish(0);
  await startWorker(fleet, { id: "w2", slots: 4 });
  await pass(fleet, 100);
  await one.post("/v1/jobs", turn("b"));
  await until(() => one.published.length === 2);
  expect(one.published.map(({ at }) => at)).toEqual([undefined, "w1"]);
});
