// Tests what an operator sees of a running worker, its jobs and its log, and that other clients neither see nor end each other's jobs.
import { deferred } from "@waggle/async";
import { createStepGate } from "@waggle/engine/testing";
import { JobListSchema, JobStatusSchema, HistorySchema, LogLinesSchema, endedJobsLimit } from "@waggle/protocol";
import type { JobList, LogLine } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { afterEach, expect, it } from "vitest";
import { alice, bob, forTwoClients, root, watcher } from "../../testing/two-clients.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const clock = createFakeClock();
const gate = { now: createStepGate() };
const { worker, start: startWorker, call, post, get } = useInlineWorker();
afterEach(() => gate.now.open());

/** @param localMode by default network mode with four tokens */
function start(localMode = false): void {
  gate.now = createStepGate();
  startWorker({ clock, slots: 1, gate: gate.now, access: { ...forTwoClients, localMode } });
}

async function submit(body: object, headers: Record<string, string>): Promise<void> {
  expect((await post("/v1/jobs", { prompt: "hello [eog:5]", ...body }, headers)).status).toBe(202);
}

async function jobs(headers: Record<string, string>): Promise<JobList> {
  return JobListSchema.parse(await (await get("/v1/jobs", headers)).json());
}

async function log(query: string, headers: Record<string, string> = {}): Promise<readonly LogLine[]> {
  return LogLinesSchema.parse(await (await get(`/v1/logs${query}`, headers)).json()).lines;
}

it("lists all running and waiting jobs to operators, and to other clients their jobs only", async () => {
  start();
  await submit({ job_id: "a1", session_id: "s" }, alice);
  await gate.now.held();
  await submit({ job_id: "b1" }, bob);
  await submit({ job_id: "a2" }, alice);
  clock.advance(1_500);
  for (const headers of [root, watcher]) {
    const { jobs: all, total } = await jobs(headers);
    expect(all.map(({ job_id, client, position }) => [job_id, client, position])).toEqual([
      ["a1", "alice", 0],
      ["b1", "bob", 1],
      ["a2", "alice", 2],
    ]);
    expect(total).toBe(3);
    expect(all[0]).toMatchObject({ kind: "generate", model: "waggle-fake", session_id: "s", tokens: 0, age_ms: 1_500 });
    expect(all[1]).toMatchObject({ state: "queued", age_ms: 1_500 });
    expect(all[1]).not.toHaveProperty("running_ms");
  }
  expect((await jobs(alice)).jobs.map(({ job_id }) => job_id)).toEqual(["a1", "a2"]);
  expect((await jobs(bob)).jobs.map(({ job_id }) => job_id)).toEqual(["b1"]);
  const metrics = await (await get("/metrics", root)).text();
  expect(metrics).toContain('waggle_queue_oldest_seconds{model="waggle-fake"} 1.5');
  gate.now.open();
  await Promise.all(worker.registry.liveJobs().map(({ ended }) => ended.promise));
  expect(await jobs(root)).toEqual({ jobs: [], total: 0, of: "all" });
  expect(await jobs(bob)).toEqual({ jobs: [], total: 0, of: "own" });
  expect((await jobs(watcher)).of).toBe("all");
});

it("shows a job's tokens per second and prompt length", async () => {
  start(true);
  await submit({ job_id: "j", prompt: "one two three [eog:40]" }, {});
  for (let step = 0; step < 4; step++) {
    await gate.now.held();
    clock.advance(100);
    gate.now.step();
  }
  await gate.now.held();
  const [job] = (await jobs({})).jobs;
  expect(job).toMatchObject({ client: "local", state: "decode", position: 0 });
  expect(job?.prompt_tokens).toBeGreaterThan(2);
  expect(job?.tokens).toBeGreaterThan(1);
  expect(job?.tokens_per_second).toBeGreaterThan(0);
  expect(job?.tokens_per_second).toBeLessThanOrEqual(11);
});

it("lists the last ended jobs with the parts of their time, to the same clients as running jobs", async () => {
  start();
  await submit({ job_id: "a1", session_id: "s" }, alice);
  await gate.now.held();
  await submit({ job_id: "b1" }, bob);
  clock.advance(2_000);
  gate.now.step();
  await gate.now.held();
  clock.advance(500);
  await call("DELETE", "/v1/jobs/b1", undefined, bob);
  gate.now.open();
  await Promise.all(worker.registry.liveJobs().map(({ ended }) => ended.promise));
  const ended = async (headers: Record<string, string>) =>
    JobListSchema.parse(await (await get("/v1/jobs?ended", headers)).json()).ended;
  const all = await ended(watcher);
  expect(all?.map(({ job_id, client, state, reason }) => [job_id, client, state, reason])).toEqual([
    ["a1", "alice", "finished", "stop"],
    ["b1", "bob", "cancelled", "client"],
  ]);
  expect(all?.[0]).toMatchObject({ session_id: "s", model: "waggle-fake", waiting_ms: 0, tokens: 6 });
  expect(all?.[0]).toMatchObject({ reading_ms: 2_000, writing_ms: 500 });
  expect(all?.[1]).toMatchObject({ waiting_ms: 2_500, reading_ms: 0, writing_ms: 0, tokens: 0 });
  expect((await ended(alice))?.map(({ job_id }) => job_id)).toEqual(["a1"]);
  expect(await jobs(root)).not.toHaveProperty("ended");
  const lines = await log("?lines=500", root);
  const lineOf = (message: string, job: string) =>
    lines.find((line) => line.message === message && line.fields["job"] === job)?.fields;
  expect(lineOf("stream_end", "a1")).toMatchObject({ waiting_ms: 0, reading_ms: 2_000, writing_ms: 500 });
  expect(lineOf("stream_cancelled", "b1")).toMatchObject({ waiting_ms: 2_500 });
});

it("keeps a history of itself, which any client may read", async () => {
  start();
  const history = async (query = "") => HistorySchema.parse(await (await get(`/v1/history${query}`, alice)).json());
  expect(await history()).toEqual({ points: [] });
  await submit({ job_id: "a1", prompt: "one two three [eog:40]" }, alice);
  await gate.now.held();
  await submit({ job_id: "b1" }, bob);
  clock.advance(2_000);
  for (let step = 0; step < 4; step++) {
    gate.now.step();
    await gate.now.held();
    clock.advance(100);
  }
  const { points, now } = await history();
  expect(points).toEqual([]);
  expect(now).toMatchObject({ span_ms: 2_400, running: 1, waiting: 1, accepted: 2, errors: {}, batch_width: 1 });
  // The job waited for no slot: its first step took 2 s, the others 100 ms.
  expect(now?.ttft?.count).toBe(1);
  expect(Math.abs((now?.ttft?.p50_ms ?? 0) / 2_000 - 1)).toBeLessThan(0.2);
  expect(now?.itl?.count).toBe(3);
  expect(Math.abs((now?.itl?.p95_ms ?? 0) / 100 - 1)).toBeLessThan(0.2);
  expect(now?.tokens_per_second).toBe(1.7);
  expect(now?.prompt_tokens_per_second).toBeGreaterThan(1);
  expect(now?.kv_use).toBeGreaterThan(0);
  clock.advance(7_600);
  const first = (await history()).points;
  expect(first).toHaveLength(1);
  expect(first[0]).toMatchObject({ span_ms: 10_000, running: 1, accepted: 2, tokens_per_second: 0.4 });

  // A short peak: these jobs come and end within one point.
  for (const job_id of ["b2", "b3"]) await submit({ job_id }, bob);
  gate.now.open();
  await Promise.all(worker.registry.liveJobs().map(({ ended }) => ended.promise));
  expect((await post("/v1/jobs", { prompt: "word ".repeat(5_000) }, bob)).status).toBe(400);
  clock.advance(10_000);
  const [second, ...others] = (await history(`?after=${first[0]?.at}`)).points;
  expect(others).toEqual([]);
  expect(second).toMatchObject({ running: 1, waiting: 3, accepted: 2, kv_use: 0 });
  expect(second?.errors).toEqual({ invalid_argument: 1 });
  clock.advance(10_000);
  expect((await history()).points.at(-1)).toMatchObject({ running: 0, waiting: 0, errors: {} });
  expect((await get("/v1/history?after=ten", alice)).status).toBe(400);
});

it("keeps a bounded list of ended jobs, from which a client pushes out its own", async () => {
  start();
  gate.now.open();
  for (let i = 0; i <= endedJobsLimit; i++) {
    await submit({ job_id: `j${i}`, prompt: "[eog:1]" }, i === 0 ? alice : bob);
    await Promise.all(worker.registry.liveJobs().map(({ ended }) => ended.promise));
  }
  const ids = (await worker.registry.ended()).map(({ job_id }) => job_id);
  expect([ids.length, ids[0], ...ids.slice(-2)]).toEqual([endedJobsLimit, `j${endedJobsLimit}`, "j2", "j0"]);
});

it("lets a client have half of the reads of the day on disk, and any read of memory", async () => {
  const disk = deferred<void>();
  const read = async (): Promise<never[]> => await disk.promise.then(() => []);
  const day = { add: () => {}, flush: async () => {}, flushNow: () => {}, read };
  startWorker({ clock, access: forTwoClients, day, clientQueueShare: 0.5 });
  const ask = async (query: string, headers: Record<string, string>) =>
    (await get(`/v1/jobs?ended&${query}`, headers)).status;
  const [past, other] = [Array.from({ length: 5 }, async () => await ask("job=j", bob)), ask("job=j", alice)];
  expect(await past.at(-1)).toBe(429);
  disk.resolve(undefined);
  expect(await Promise.all([...past.slice(0, 4), other, ask("", bob)])).toEqual([200, 200, 200, 200, 200, 200]);
});

it("lets only an admin end another client's job, and reports it to the job's client", async () => {
  start();
  await submit({ job_id: "j" }, alice);
  await submit({ job_id: "same" }, alice);
  await submit({ job_id: "same" }, bob);
  gate.now.open();
  expect((await call("DELETE", "/v1/jobs/j", undefined, bob)).status).toBe(404);
  expect((await call("DELETE", "/v1/jobs/j?client=alice", undefined, bob)).status).toBe(403);
  expect((await call("DELETE", "/v1/jobs/j?client=alice", undefined, watcher)).status).toBe(403);
  const ended = JobStatusSchema.parse(await (await call("DELETE", "/v1/jobs/j", undefined, root)).json());
  expect(ended).toMatchObject({ state: "cancelled", cancelled_by: "operator" });
  expect(await (await get("/v1/jobs/j", alice)).json()).toMatchObject({ cancelled_by: "operator" });
  const again = await call("DELETE", "/v1/jobs/j?client=alice", undefined, root);
  expect([again.status, JobStatusSchema.parse(await again.json()).state]).toEqual([200, "cancelled"]);
});

it("asks an admin for the client when several clients have a job with the id", async () => {
  start();
  await submit({ job_id: "same" }, alice);
  await gate.now.held();
  await submit({ job_id: "same" }, bob);
  const refused = await call("DELETE", "/v1/jobs/same", undefined, root);
  expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining("?client=")]);
  await call("DELETE", "/v1/jobs/same?client=bob", undefined, root);
  expect((await jobs(root)).jobs.map(({ client }) => client)).toEqual(["alice"]);
});

it("shows the log's last lines to an admin and in local mode, without prompts and answers", async () => {
  start();
  for (const headers of [alice, watcher]) expect((await get("/v1/logs", headers)).status).toBe(403);
  expect((await get("/v1/logs")).status).toBe(401);
  const lines = await log("", root);
  expect(lines.map(({ message }) => message)).toContain("worker_state");

  start(true);
  await submit({ job_id: "j", prompt: "a secret thing [eog:3]" }, {});
  gate.now.open();
  await Promise.all(worker.registry.liveJobs().map(({ ended }) => ended.promise));
  const all = await log("?lines=500");
  expect(all.find(({ message }) => message === "stream_end")?.fields).toMatchObject({ job: "j" });
  expect(JSON.stringify(all)).not.toContain("secret");
  expect((await log("?lines=1")).map(({ seq }) => seq)).toEqual([all.at(-1)?.seq]);
  expect(await log(`?after=${all.at(-1)?.seq}`)).toEqual([]);
  for (const query of ["?lines=0", "?lines=5001", "?lines=x", "?after=-2"])
    expect((await get(`/v1/logs${query}`)).status).toBe(400);
});

it("lets an admin drain the worker: new jobs are refused, running ones end", async () => {
  start();
  for (const headers of [alice, watcher])
    expect((await call("POST", "/v1/drain", undefined, headers)).status).toBe(403);
  await submit({ job_id: "a" }, alice);
  const answer = await call("POST", "/v1/drain", undefined, root);
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({ ready: false, state: "draining" });
  expect((await call("POST", "/v1/drain", undefined, root)).status).toBe(202);
  expect((await jobs(root)).jobs.map(({ job_id }) => job_id)).toEqual(["a"]);
  expect((await post("/v1/jobs", { prompt: "x" }, alice)).status).toBe(503);
  gate.now.open();
  await Promise.all(worker.registry.liveJobs().map(({ ended }) => ended.promise));
  expect(JobStatusSchema.parse(await (await get("/v1/jobs/a", alice)).json()).state).toBe("finished");
});
