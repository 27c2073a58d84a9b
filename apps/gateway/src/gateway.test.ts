// Tests what a gateway reports to clients about its fleet: its models, its refusals, its jobs and its state.
import { randomBytes } from "node:crypto";
import { pass, until, useFleet } from "@waggle/fleet/testing";
import { beforeEach, expect, it } from "vitest";
import { createQuestions } from "./link/questions.ts";
import { received, startGateway, startWorker, stopNats, type TestGateway, type TestWorker } from "./testing/gateway.ts";

const fleet = useFleet();
let worker: TestWorker;
let gateway: TestGateway;
beforeEach(async () => {
  worker = await startWorker(fleet, { slots: 2 });
  gateway = await startGateway(fleet);
});

const job = { prompt: "x", job_id: "j" };
const json = async (path: string): Promise<unknown> => await (await gateway.get(path)).json();
/** Whether the statuses of the models have this text. */
const isNow = async (text: string): Promise<boolean> => JSON.stringify(await json("/v1/models/status")).includes(text);
const like = (text: string): string => expect.stringContaining(text) as string;

/** Checks the answer to a request, of which the error has these fields. */
async function expectError(answer: Promise<Response>, status: number, error: object): Promise<Response> {
  const response = await answer;
  expect([response.status, await response.json()]).toMatchObject([status, { error }]);
  return response;
}

it("streams a worker's output, with the worker's file in the receipt", async () => {
  const request = { prompt: "hi", seed: 7, priority: 2, session_id: "s" };
  const answer = gateway.post("/v1/inference", request).then(received);
  await worker.finish(0, "one ", "two");
  const { text, ids } = await answer;
  expect([ids, text]).toEqual([["0", "1", "2"], like('"text":"two"')]);
  expect(text).toContain(`"model_file":"tiny.gguf","model_sha256":"${"a".repeat(64)}"`);
  const [{ job: published } = {}] = gateway.published;
  expect(published).toMatchObject({ gateway: "g1", model: "m", onWorkerLoss: "resume", orphanMs: 5_000 });
  expect(published?.spec).toMatchObject({
    who: { client: "local", cacheSession: "s" },
    when: { onDisconnect: "continue", priority: 2 },
    work: { choices: 1, sampling: { seed: 7 } },
  });
  expect(published?.spec.who).not.toHaveProperty("sessionId");
});

it("publishes no more jobs than the workers have slots; the other jobs wait at the gateway, and get their positions", async () => {
  for (const id of ["a", "b", "c"]) await gateway.post("/v1/jobs", { ...job, job_id: id });
  await worker.tokens(0);
  await worker.tokens(1);
  expect([await gateway.status("c"), gateway.published.length]).toMatchObject([{ state: "queued", position: 1 }, 2]);
  await startWorker(fleet, { id: "w2" });
  await until(() => gateway.published.length === 3);
  expect(await json("/v1/models/status")).toMatchObject({
    models: [{ name: "m", state: "ready", slots: { total: 3, busy: 3 }, queued: 0 }],
  });
  await until(async () => JSON.stringify(await json("/v1/jobs")).includes('"w2"'));
  const { jobs } = (await json("/v1/jobs")) as { jobs: { job_id: string; worker?: string }[] };
  expect(jobs.map(({ job_id, worker: at }) => [job_id, at])).toEqual([
    ["a", "w1"],
    ["b", "w1"],
    ["c", "w2"],
  ]);
});

it("serves any name with its only model, as a worker does; with several models, a request needs a name or an alias", async () => {
  expect((await gateway.post("/v1/jobs", { ...job, model: "nope" })).status).toBe(202);
  expect((await worker.model.job()).spec.model).toBe("m");
  const other = await startWorker(fleet, { id: "w2", model: "other" });
  other.model.aliases = ["gpt-4o"];
  other.side.changed();
  await until(() => isNow("gpt-4o"));
  expect((await gateway.post("/v1/jobs", { prompt: "x", model: "gpt-4o" })).status).toBe(202);
  await other.model.job();
  await expectError(gateway.post("/v1/jobs", { prompt: "x" }), 400, { message: like("this fleet serves m, other") });
  await expectError(gateway.post("/v1/jobs", { prompt: "x", model: "nope" }), 404, {
    message: 'Cannot find model "nope": it does not exist; this fleet serves m, other.',
  });
});

it("reports a model as unloaded even if its description calls it ready", async () => {
  const description = { info: {}, status: { state: "ready", loads: 9 }, engine: null };
  worker.answer = () => ({ kind: "describe", description: description as never });
  worker.side.changed();
  await until(() => isNow('"loads":9'));
  expect(await isNow('"ready"')).toBe(true);
  worker.model.loaded = false;
  worker.side.changed();
  await until(() => isNow('"unloaded"'));
});

it("refuses a job before acceptance if it is too large for NATS, or if a worker's preflight fails", async () => {
  const prompt = randomBytes(1_200_000).toString("base64");
  await expectError(gateway.post("/v1/jobs", { ...job, prompt }), 413, { code: "payload_too_large" });
  const failure = { code: "invalid_argument", message: "Cannot read the grammar." } as const;
  worker.answer = () => ({ kind: "failed", failure });
  await expectError(gateway.post("/v1/jobs", job), 400, failure);
  expect((await gateway.get("/v1/jobs/j")).status).toBe(404);
  expect(gateway.published).toEqual([]);
});

it.each([
  ["a short prompt", 9, 64, 80],
  ["a prompt that may exceed the window", 64, 64, 1_000],
  ["a prompt for a model that no worker has described", 64, undefined, 80],
])("asks about %s of %i bytes for a limited time", async (_, bytes, contextSize, limitMs) => {
  const asked: unknown[] = [];
  const ask = (question: object, { timeoutMs }: object & { timeoutMs?: number }) => {
    asked.push(timeoutMs);
    return Promise.resolve({ ...question, size: null });
  };
  const questions = createQuestions({ side: { ask }, contextSize: () => contextSize } as never);
  const prompt = { kind: "text", text: "x".repeat(bytes) };
  const work = { who: { client: "a" }, when: { priority: 0 }, work: { kind: "generate", prompt } } as never;
  expect([await questions.preflight("u", work), asked]).toEqual(["unchecked", [limitMs]]);
});

it("starts no jobs while the fleet's queue is full, and answers 429 when the gateway's queue is full too", async () => {
  const small = await startGateway(fleet, { id: "g2", queueCapacity: 1 });
  fleet.server.fill("jobs");
  expect((await small.post("/v1/jobs", { ...job, job_id: "first" })).status).toBe(202);
  await until(() => small.logLines.some(({ msg }) => msg === "fleet_publish_failed"));
  // A slot is free, but no job may use it.
  expect((await small.post("/v1/jobs", { ...job, job_id: "second" })).status).toBe(202);
  const refused = await expectError(small.post("/v1/jobs", { prompt: "x" }), 429, {});
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  fleet.server.unfill("jobs");
  for (const [index, id] of ["first", "second"].entries())
    expect((await worker.model.job(index)).spec.who.streamId).toBe(id);
});

it("ends a cancelled job at once if no worker has taken it, and otherwise with the token counts of its worker", async () => {
  const other = await startGateway(fleet, { id: "g2" });
  for (const id of ["a", "b"]) await other.post("/v1/jobs", { ...job, job_id: id });
  await worker.tokens(1, "one");
  await gateway.post("/v1/jobs", job);
  await until(() => gateway.published.length === 1);
  const now = fleet.clock.now();
  expect(await (await gateway.delete("/v1/jobs/j")).json()).toMatchObject({ state: "cancelled", tokens: 0 });
  expect(fleet.clock.now() - now).toBeLessThan(1_000);
  const cancelling = other.delete("/v1/jobs/b");
  await worker.release(1);
  expect(await (await cancelling).json()).toMatchObject({
    state: "cancelled",
    cancelled_by: "client",
    usage: { prompt_tokens: 3, completion_tokens: 1 },
  });
  await worker.finish(0);
  await pass(fleet, 1_000);
  expect(worker.model.jobs).toHaveLength(2);
});

it.each([
  ["client", { state: "cancelled", cancelled_by: "client" }],
  ["superseded", { state: "cancelled", cancelled_by: "superseded" }],
  ["orphaned", { state: "failed", error: { code: "unavailable", message: like("out of touch") } }],
] as const)("reports why a job ended that another member of the fleet cancelled: %s", async (by, status) => {
  await gateway.post("/v1/jobs", job);
  await worker.tokens(0);
  await gateway.member.cancel(gateway.published[0]?.job.id ?? "", by);
  await worker.release(0);
  await until(() => gateway.registry.get("local", "j")?.log.terminal !== undefined);
  expect(await gateway.status("j")).toMatchObject(status);
});

it("changes no models, but accepts a load request for a ready model: Ollama's clients send one first", async () => {
  const instead = { message: like("Send the request to a worker") };
  await expectError(gateway.post("/v1/models/unload", { model: "m" }), 501, instead);
  const asked = await gateway.post("/api/generate", { model: "m", prompt: "", stream: false });
  expect([asked.status, await asked.json()]).toMatchObject([200, { done: true, done_reason: "load" }]);
  expect(await (await gateway.post("/v1/models/load", { model: "m" })).text()).toContain('"type":"done"');
  await worker.leave();
  await until(() => gateway.state.name === "loading");
  await expectError(gateway.post("/v1/models/load", { model: "m" }), 501, {});
});

it("is ready while a worker has a model ready, and otherwise answers with a retryable error", async () => {
  expect((await gateway.get("/readyz")).status).toBe(200);
  worker.kill();
  await until(() => gateway.state.name === "loading");
  const response = await gateway.get("/readyz");
  expect([response.status, await response.json()]).toMatchObject([503, { reason: "no worker has a model ready" }]);
  const again = { code: "unavailable", retryable: true };
  for (const model of [undefined, "m", "nope"]) {
    const refused = await expectError(gateway.post("/v1/jobs", { prompt: "x", model }), 503, again);
    expect(refused.headers.get("retry-after")).toBe("5");
  }
  await stopNats(fleet, gateway);
  expect(await json("/health")).toMatchObject({ state: "disconnected", reason: "there is no connection to NATS" });
});

it("reports its fleet on /metrics under the worker's names, and describes itself without the memory of its workers", async () => {
  for (const prompt of ["x", "y", "z"]) await gateway.post("/v1/jobs", { prompt });
  await worker.tokens(1);
  await pass(fleet, 1_500);
  const text = await (await gateway.get("/metrics")).text();
  expect(text).toContain('waggle_queue_depth{model="m"} 1');
  expect(text).toMatch(/waggle_queue_oldest_seconds\{model="m"\} 1\.[56]/);
  expect(text).toContain('waggle_slots_total{model="m"} 2');
  expect(text).toContain('waggle_slots_busy{model="m"} 2');
  expect(text).toContain('waggle_jobs_accepted_total{model="m"} 3');
  await pass(fleet, 100);
  // The first scrape began to read the stores.
  expect(await (await gateway.get("/metrics")).text()).toMatch(/waggle_fleet_store_used\{store="jobs"\} 0\.\d*[1-9]/);
  expect(await json("/v1/info")).toMatchObject({ gateway: true });
  expect(await json("/v1/models/status")).not.toHaveProperty("budget");
});

it("asks workers about the next long text when no answer about the last one came in time", async () => {
  let asked = 0;
  worker.answer = async ({ kind }) => {
    asked += Number(kind === "query");
    if (asked === 1) return await new Promise<never>(() => {});
    return { kind: "query", result: { kind: "tokenize", tokens: [7] } };
  };
  const tokenize = (): Promise<Response> => gateway.post("/tokenize", { content: "x".repeat(20_000) });
  const both = [tokenize(), tokenize()] as const;
  expect((await both[0]).status).toBe(503);
  expect(await (await both[1]).json()).toEqual({ tokens: [7] });
});
