import { ErrorBodySchema } from "@waggle/protocol";
import { WaggleError } from "@waggle/protocol";
import { createTraces } from "@waggle/daemon/traces";
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
  fleet.join({ id: "w1", model: "m", slots: 2, aliases: ["gpt-4o"] });
  gateway = createInlineGateway(fleet);
});
afterEach(() => gateway.stop());

async function errorOf(response: Response) {
  return { status: response.status, ...ErrorBodySchema.parse(await response.json()).error };
}

/** Reads all events of a stream. */
async function readStream(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text();
  return [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json = ""]) => JSON.parse(json) as Record<string, unknown>);
}

it("streams a worker's output, with the worker's file in the receipt", async () => {
  const answer = gateway.post("/v1/inference", { prompt: "hi", seed: 7, priority: 2, session_id: "s" });
  const job = await publishedJob(fleet);
  expect(job).toMatchObject({ gateway: "g1", model: "m", onWorkerLoss: "resume", orphanMs: 5_000 });
  expect(job.spec).toMatchObject({
    who: { client: "local", cacheSession: "s" },
    when: { onDisconnect: "continue", priority: 2 },
    work: { choices: 1, sampling: { seed: 7 } },
  });
  expect(job.spec.who).not.toHaveProperty("sessionId");
  const attempt = fleet.take(job, "w1").start("one ", "two");
  attempt.finish();
  const events = await readStream(await answer);
  expect(events.filter(({ type }) => type === "token").map(({ index, text }) => [index, text])).toEqual([
    [0, "one "],
    [1, "two"],
  ]);
  expect(events.at(-1)).toMatchObject({ type: "end", receipt: { model_sha256: "a".repeat(64), model_file: "m.gguf" } });
  expect(fleet.sessions.size).toBe(0);
});

it("traces a request and the phases of its job", async () => {
  const spans: string[] = [];
  const startedTraces = createTraces({
    settings: { sampler: "always_on", ratio: 1 },
    exporter: { add: ({ name }) => spans.push(name) },
    clock: gateway.clock,
  });
  const traced = createInlineGateway(fleet, { id: "g2", startedTraces });
  const answer = traced.post("/v1/inference", { prompt: "hi" });
  const attempt = fleet.take(await publishedJob(fleet), "w1").start("one");
  attempt.finish();
  await readStream(await answer);
  expect(spans.toSorted()).toEqual(["POST /v1/inference", "decode", "prefill", "queue"]);
  await traced.stop();
});

it("makes a separate job for each choice, with a different seed", async () => {
  const answer = gateway.post("/v1/completions", { prompt: "hi", n: 2, seed: 7 });
  const jobs = [await publishedJob(fleet, 0), await publishedJob(fleet, 1)];
  expect(jobs.map(({ spec }) => spec.work.kind === "generate" && spec.work.sampling.seed)).toEqual([7, 8]);
  for (const [at, job] of jobs.entries()) {
    const attempt = fleet.take(job, "w1").start(`text ${at}`);
    attempt.finish();
  }
  const { choices } = (await (await answer).json()) as { choices: { text: string }[] };
  expect(choices.map(({ text }) => text)).toEqual(["text 0", "text 1"]);
});

it("publishes no more jobs than the workers have slots; the other jobs wait at the gateway, and get their positions", async () => {
  const ids = ["a", "b", "c"];
  for (const id of ids) expect((await gateway.post("/v1/jobs", { prompt: "x", job_id: id })).status).toBe(202);
  await publishedJob(fleet, 1);
  expect(await (await gateway.get("/v1/jobs/c")).json()).toMatchObject({ state: "queued", position: 1 });
  fleet.join({ id: "w2", model: "m", slots: 1 });
  await publishedJob(fleet, 2);
  expect(await (await gateway.get("/v1/models/status")).json()).toMatchObject({
    models: [{ name: "m", state: "ready", slots: { total: 3, busy: 3 }, queued: 0 }],
  });
});

it("serves any model name with its only model, as a worker does", async () => {
  expect((await gateway.post("/v1/jobs", { prompt: "x", model: "nope" })).status).toBe(202);
  expect((await publishedJob(fleet)).model).toBe("m");
  const chat = { model: "nope", messages: [{ role: "user", content: "x" }], stream: true };
  expect((await gateway.post("/v1/chat/completions", chat)).status).toBe(200);
});

it("finds models by alias; with several models, the error for an unknown name lists them", async () => {
  expect((await gateway.post("/v1/jobs", { prompt: "x", model: "gpt-4o" })).status).toBe(202);
  expect((await publishedJob(fleet)).model).toBe("m");
  fleet.join({ id: "w2", model: "other", slots: 1 });
  expect(await errorOf(await gateway.post("/v1/jobs", { prompt: "x", model: "nope" }))).toMatchObject({
    status: 404,
    message: 'Cannot find model "nope": it does not exist; this fleet serves m, other.',
  });
});

it("reports a model as unloaded even if its description calls it ready", async () => {
  const description = { info: {}, status: { state: "ready" }, engine: null };
  fleet.answer = () => ({ kind: "describe", description: description as never });
  const stateNow = async (): Promise<unknown> =>
    ((await (await gateway.get("/v1/models/status")).json()) as { models: { state: string }[] }).models[0]?.state;
  fleet.join({ id: "w1", model: "m", slots: 1 });
  await until(async () => expect(await stateNow()).toBe("ready"));
  fleet.join({ id: "w1", model: "m", slots: 1, loaded: false });
  expect(await stateNow()).toBe("unloaded");
});

it("refuses a job that is too large for NATS before acceptance", async () => {
  fleet.refuse(
    new WaggleError("payload_too_large", "Cannot hand the job to the fleet: it has 2 bytes, and NATS takes 1."),
  );
  expect(await errorOf(await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" }))).toMatchObject({ status: 413 });
  expect((await gateway.get("/v1/jobs/j")).status).toBe(404);
});

it("requires a model name when the fleet has several models", async () => {
  fleet.join({ id: "w2", model: "other", slots: 1 });
  expect(await errorOf(await gateway.post("/v1/jobs", { prompt: "x" }))).toMatchObject({
    status: 400,
    message: expect.stringContaining("this fleet serves m, other") as string,
  });
});

it("refuses a job before acceptance after a worker's failed preflight", async () => {
  fleet.answer = () => ({ kind: "failed", failure: { code: "invalid_argument", message: "Cannot read the grammar." } });
  expect(await errorOf(await gateway.post("/v1/jobs", { prompt: "x" }))).toMatchObject({
    status: 400,
    message: "Cannot read the grammar.",
  });
  expect(fleet.published).toEqual([]);
});

it("starts no jobs while the fleet's queue is full, and answers 429 when the gateway's queue is full too", async () => {
  await gateway.stop();
  gateway = createInlineGateway(fleet, { queueCapacity: 1 });
  fleet.refuse(new WaggleError("resource_exhausted", "The queue is full."));
  expect((await gateway.post("/v1/jobs", { prompt: "x", job_id: "first" })).status).toBe(202);
  await until(() => expect(gateway.logLines).toContainEqual(expect.objectContaining({ msg: "fleet_publish_failed" })));
  // A slot is free, but no job may use it.
  expect((await gateway.post("/v1/jobs", { prompt: "x", job_id: "second" })).status).toBe(202);
  const refused = await gateway.post("/v1/jobs", { prompt: "x" });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await errorOf(refused)).status).toBe(429);
  fleet.refuse(undefined);
  gateway.clock.advance(1_000);
  expect((await publishedJob(fleet, 1)).clientJob.id).toBe("second");
  expect(fleet.published[0]?.job.clientJob.id).toBe("first");
});

it("lists its jobs with their workers", async () => {
  for (const id of ["a", "b"]) await gateway.post("/v1/jobs", { prompt: "x", job_id: id });
  await publishedJob(fleet, 1);
  fleet.take(await publishedJob(fleet), "w1").start();
  const { jobs } = (await (await gateway.get("/v1/jobs")).json()) as { jobs: { job_id: string; worker?: string }[] };
  expect(jobs.map(({ job_id, worker }) => [job_id, worker])).toEqual([
    ["a", "w1"],
    ["b", undefined],
  ]);
});

it("ends a cancelled job at once if no worker has taken it", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const { id } = await publishedJob(fleet);
  expect(await (await gateway.delete("/v1/jobs/j")).json()).toMatchObject({ state: "cancelled", tokens: 0 });
  expect(fleet.cancelled).toEqual([id]);
});

it("ends a cancelled job with the token counts of its worker", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const job = await publishedJob(fleet);
  const attempt = fleet.take(job, "w1").start("one");
  const cancelling = gateway.delete("/v1/jobs/j");
  await until(() => expect(fleet.cancelled).toEqual([job.id]));
  attempt.release();
  expect(await (await cancelling).json()).toMatchObject({
    state: "cancelled",
    cancelled_by: "client",
    usage: { prompt_tokens: 3, completion_tokens: 1 },
  });
});

it.each([
  [undefined, { state: "cancelled", cancelled_by: "client" }],
  ["superseded", { state: "cancelled", cancelled_by: "superseded" }],
  [
    "orphaned",
    { state: "failed", error: { code: "unavailable", message: expect.stringContaining("out of touch") as string } },
  ],
] as const)("reports why a job ended that another member of the fleet cancelled: %s", async (by, status) => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  fleet.take(await publishedJob(fleet), "w1").release(by);
  expect(await (await gateway.get("/v1/jobs/j")).json()).toMatchObject(status);
});

it("deletes a job's records once its stream can no longer be read at this gateway", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const job = await publishedJob(fleet);
  await until(() => expect([...fleet.records.keys()]).toEqual(["local j"]));
  expect(fleet.records.get("local j")?.spec.work).toMatchObject({ prompt: { kind: "text", text: "" } });
  fleet.take(job, "w1").finish();
  expect(fleet.forgotten).toEqual([]);
  gateway.clock.advance(60_000);
  await until(() => expect(fleet.forgotten).toEqual([job.id]));
  await until(() => expect(fleet.records.size).toBe(0));
});

it("computes vectors on a worker", async () => {
  const answer = gateway.post("/v1/embeddings", { input: ["a", "b"] });
  const job = await publishedJob(fleet);
  const attempt = fleet.take(job, "w1").start();
  attempt.emit({ type: "embedding", jobId: "x", index: 0, vector: [1, 0], tokens: 1 });
  // Another worker starts over; the client gets each vector once.
  const second = fleet.take(job, "w2").start();
  second.emit({ type: "embedding", jobId: "x", index: 0, vector: [1, 0], tokens: 1 });
  second.emit({ type: "embedding", jobId: "x", index: 1, vector: [0, 1], tokens: 1 });
  second.finish();
  const { data } = (await (await answer).json()) as { data: { embedding: number[] }[] };
  expect(data.map(({ embedding }) => embedding)).toEqual([
    [1, 0],
    [0, 1],
  ]);
});

it("refuses to change models", async () => {
  expect(await errorOf(await gateway.post("/v1/models/unload", { model: "m" }))).toMatchObject({
    status: 501,
    message: expect.stringContaining("Send the request to a worker") as string,
  });
});

it("accepts a load request for a ready model: Ollama's clients send one first", async () => {
  const asked = await gateway.post("/api/generate", { model: "m", prompt: "", stream: false });
  expect([asked.status, await asked.json()]).toMatchObject([200, { done: true, done_reason: "load" }]);
  expect(await (await gateway.post("/v1/models/load", { model: "m" })).text()).toContain('"type":"done"');
  fleet.leave("w1");
  expect(await errorOf(await gateway.post("/v1/models/load", { model: "m" }))).toMatchObject({ status: 501 });
});

it("answers with a retryable error while there is no worker", async () => {
  const again = { status: 503, code: "unavailable", retryable: true };
  const response = await createInlineGateway(createFakeFleet()).post("/v1/jobs", { prompt: "x", model: "m" });
  expect(response.headers.get("retry-after")).toBe("5");
  expect(await errorOf(response)).toMatchObject(again);
  fleet.leave("w1");
  expect(await errorOf(await gateway.post("/v1/jobs", { prompt: "x" }))).toMatchObject(again);
  expect(await errorOf(await gateway.post("/v1/jobs", { prompt: "x", model: "nope" }))).toMatchObject(again);
});

it("is ready while a worker has a model ready", async () => {
  expect((await gateway.get("/readyz")).status).toBe(200);
  fleet.leave("w1");
  const response = await gateway.get("/readyz");
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ reason: "no worker has a model ready" });
  fleet.connect(false);
  expect(await (await gateway.get("/health")).json()).toMatchObject({
    state: "disconnected",
    reason: "there is no connection to NATS",
  });
});

it("reports its fleet on /metrics under the worker's names", async () => {
  await gateway.post("/v1/jobs", { prompt: "x" });
  await publishedJob(fleet);
  for (const prompt of ["y", "z"]) await gateway.post("/v1/jobs", { prompt });
  gateway.clock.advance(1_500);
  const text = await (await gateway.get("/metrics")).text();
  expect(text).toContain('waggle_queue_depth{model="m"} 1');
  expect(text).toContain('waggle_queue_oldest_seconds{model="m"} 1.5');
  expect(text).toContain('waggle_slots_total{model="m"} 2');
  expect(text).toContain('waggle_slots_busy{model="m"} 2');
  expect(text).toContain('waggle_jobs_accepted_total{model="m"} 3');
  // The first scrape began to read the stores.
  expect(await (await gateway.get("/metrics")).text()).toContain('waggle_fleet_store_used{store="jobs"} 0.25');
});

it("describes itself as a gateway, without the memory of its workers", async () => {
  expect(await (await gateway.get("/v1/info")).json()).toMatchObject({ gateway: true });
  expect(await (await gateway.get("/v1/models/status")).json()).not.toHaveProperty("budget");
});

it("takes no jobs while it leaves, and has left when its streams have ended", async () => {
  await gateway.post("/v1/jobs", { prompt: "x", job_id: "j" });
  const job = await publishedJob(fleet);
  gateway.refuse();
  let idle = false;
  const left = gateway.idle().then(() => (idle = true));
  expect(await errorOf(await gateway.post("/v1/jobs", { prompt: "y" }))).toMatchObject({ status: 503 });
  expect(idle).toBe(false);
  fleet.take(job, "w1").finish();
  await left;
  expect(await (await gateway.get("/v1/jobs/j")).json()).toMatchObject({ state: "finished" });
});

it("asks workers about the next long text when no answer about the last one came in time", async () => {
  let asked = 0;
  const { answer } = fleet;
  fleet.answer = async (question, worker) => {
    if (question.kind !== "query") return await answer(question, worker);
    asked += 1;
    const result = { kind: "tokenize", tokens: [7] } as const;
    return asked === 1 ? await new Promise<never>(() => {}) : { kind: "query", result };
  };
  const tokenize = (): Promise<Response> => gateway.post("/tokenize", { content: "x".repeat(20_000) });
  const first = tokenize();
  await until(() => expect(asked).toBe(1));
  const second = tokenize();
  await new Promise<void>((resolve) => setImmediate(resolve));
  gateway.clock.advance(60_000);
  expect((await first).status).toBe(503);
  expect(await (await second).json()).toEqual({ tokens: [7] });
});
