// Tests that a job with tools is one job from its acceptance to its end: for quotas, for the queue, in lists, in its usage, and by its id.
import { expect, it } from "vitest";
import { answer, useCallPhases } from "../../testing/call-phases.ts";
import type { Client } from "../../testing/call-phases.ts";
import { readEvents } from "../../testing/events.ts";
import { call } from "../../testing/inline-turns.ts";
import { lastConversationOf } from "../../testing/last-work.ts";

const phases = useCallPhases();
const { reach, request, release, finish, comesTo, occupy } = phases;

const post = async (who: Client, body: object): Promise<Response> =>
  await request(who, "POST", "/v1/jobs", JSON.stringify(body));
const get = async (who: Client, path: string): Promise<Record<string, unknown>> =>
  (await (await request(who, "GET", path)).json()) as Record<string, unknown>;
const withTools = { messages: [{ role: "user", content: `[say:${answer}]` }], mcp_tools: "all" };

it("counts as a running job of its client also while it waits for a person", async () => {
  const { job } = await reach("waiting for consent", { quota: { runningJobs: 1 } });
  const refused = await post("alice", { prompt: "[eog:1]" });
  expect([refused.status, await refused.text()]).toEqual([429, expect.stringContaining('"running_jobs"')]);
  await finish(job);
  expect((await post("alice", { prompt: "[eog:1]" })).status).toBe(202);
});

it("waits for its client's next minute of tokens before the next step", async () => {
  const { job } = await reach("waiting for its minute");
  phases.clock.advance(58_000);
  await comesTo("waiting for its minute");
  await finish(job);
  expect(job.log.terminal).toMatchObject({ finish_reason: "stop", message: { content: answer } });
});

it("is not refused for a full queue or a forecast before its next step", async () => {
  const { job } = await reach("in a call", { body: { deadline_ms: 5_000 }, options: { queueCapacity: 1 } });
  await occupy();
  const column = { threads: 1, prompt: [{ tokens: 1, ms: 10_000 }], decode: [{ rows: 1, ms: 10_000 }] };
  const costs = { threads: [column], context: { row_ms: 0, tile_ms: 0 } };
  phases.worker.emit({ type: "step_costs", costs, pieces: [] });
  expect((await post("bob", { prompt: "late [eog:1]", deadline_ms: 5_000 })).status).toBe(504);
  expect((await post("bob", { prompt: "waits [eog:1]", on_disconnect: "continue" })).status).toBe(202);
  expect((await post("bob", { prompt: "too many [eog:1]" })).status).toBe(429);
  phases.returnCalls();
  await comesTo("queued again");
  await finish(job);
  expect(job.log.terminal).toMatchObject({ finish_reason: "stop", message: { content: answer } });
});

it("is listed with its step and its call, to its client and to an admin", async () => {
  const { job } = await reach("waiting for consent");
  const own = { job_id: "j", client: "alice", session_id: "talk", state: "calling", step: 0 };
  const listed = { ...own, call: { server: "s", tool: "asked", state: "waits_for_consent" } };
  for (const who of ["alice", "root"] as const) {
    expect(await get(who, "/v1/jobs")).toMatchObject({ jobs: [listed], total: 1 });
  }
  expect(await get("bob", "/v1/jobs")).toMatchObject({ jobs: [], total: 0 });
  expect(await get("alice", "/v1/jobs/j")).toMatchObject({ state: "calling", step: 0, call: listed.call });
  expect((await request("bob", "DELETE", "/v1/jobs/j?client=alice")).status).toBe(403);
  expect((await request("root", "DELETE", "/v1/jobs/j")).status).toBe(200);
  expect(job.log.terminal).toMatchObject({ finish_reason: "cancelled", cancelled_by: "operator" });
});

it("sums up its steps: one request, one job, a receipt for each step", async () => {
  const { job } = await reach("queued");
  phases.clock.advance(1_000);
  await phases.vacate();
  await comesTo("in a call");
  phases.clock.advance(4_000);
  await occupy();
  const stream = readEvents(await request("alice", "GET", "/v1/jobs/j/stream"));
  release();
  await finish(job);
  const { events } = await stream.rest();
  const end = events.at(-1);
  if (end?.type !== "end") throw new Error(`The job ended with ${JSON.stringify(end)}`);
  const started = events.flatMap((event) => (event.type === "started" ? [event.prompt_tokens] : []));
  const tokens = events.flatMap((event) => (event.type === "token" ? (event.ids ?? []) : []));
  expect(started).toHaveLength(2);
  expect(end.usage.prompt_tokens).toBe(started.reduce((sum, one) => sum + one, 0));
  // The token that ends a message is in no event.
  expect(end.usage.completion_tokens).toBe(tokens.length + 2);
  expect(end.timings).toMatchObject({ queue_ms: 1_000, total_ms: 5_000 });
  expect(end.receipts?.map(({ step }) => step)).toEqual([0, 1]);
  expect(new Set(end.receipts?.map(({ text_sha256: text }) => text)).size).toBe(2);
  const { prompt_tokens, completion_tokens } = end.usage;
  expect(await get("alice", "/v1/usage")).toMatchObject({
    clients: [
      {
        requests: { accepted: 1, refused: 0 },
        jobs: { finished: 1, failed: 0, cancelled: 0 },
        ...{ prompt_tokens, completion_tokens, running: 0 },
      },
    ],
  });
});

const twice = call("s__free", "x") + call("s__free", "y");
/** Has the model say the answer, and is longer than the context. */
const long = `[say:${encodeURIComponent(answer)}]${"x".repeat(30_000)}`;

it.each([
  ["one result", call("s__free", "x"), false],
  ["several results", twice, false],
  ["one result, while the engine restarts", call("s__free", "x"), true],
  ["several results, while the engine restarts", twice, true],
])("cuts a result that is longer than the context, with a note: %s", async (_, calls, isLost) => {
  const { job } = await reach("in a call", { calls, result: long, options: { contextSize: 8_192 } });
  if (isLost) phases.worker.kill();
  release();
  // The text is measured when the engine is back.
  if (isLost) phases.worker.load();
  await finish(job);
  expect(job.log.terminal).toMatchObject({ finish_reason: "stop", message: { content: answer } });
  const results = lastConversationOf(phases.worker).messages.filter(({ role }) => role === "tool");
  expect(results).toHaveLength(calls === twice ? 2 : 1);
  for (const { content } of results) {
    expect(content).toMatch(/x\n\[The result has 30\d+ characters\. The last \d+ are left out: the model's context/);
  }
});

it("shares no id with another job, and joins only its own request", async () => {
  const { job } = await reach("waiting for consent");
  for (const body of [{ prompt: "[eog:1]" }, withTools]) {
    expect((await post("alice", { ...body, job_id: "j" })).status).toBe(409);
  }
  await finish(job);
  await occupy();
  expect((await post("alice", { prompt: "[eog:1]", job_id: "plain" })).status).toBe(202);
  for (const _ of ["first", "again"]) {
    expect((await post("alice", { ...withTools, job_id: "plain" })).status).toBe(409);
  }
  expect(phases.tools.calls).toHaveLength(1);
});

it("takes part of its client's share of 256 jobs with tools", async () => {
  const { job } = await reach("waiting for consent", { options: { clientQueueShare: 2 / 256 } });
  expect((await post("alice", { ...withTools, job_id: "k", on_disconnect: "continue" })).status).toBe(202);
  await expect.poll(async () => (await get("alice", "/v1/jobs/k"))["state"]).toBe("finished");
  const asking = { temperature: 0, on_disconnect: "continue", mcp_tools: "all" };
  const messages = [{ role: "user", content: `[say:${encodeURIComponent(call("s__asked", "x"))}]` }];
  expect((await post("alice", { ...asking, messages, job_id: "l" })).status).toBe(202);
  const refused = await post("alice", { ...asking, messages, job_id: "m" });
  expect([refused.status, await refused.text()]).toEqual([
    429,
    expect.stringContaining("2 jobs of this client with MCP tools run already"),
  ]);
  expect((await post("root", { ...asking, messages })).status).toBe(202);
  await finish(job);
  expect((await post("alice", { ...asking, messages, job_id: "m" })).status).toBe(202);
});
