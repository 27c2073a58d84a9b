// Tests jobs with tools whose requests meet between two waits: equal keys and ids, limits, cancels.
import { deferred } from "@waggle/async";
import type { CallOutcome, TurnRecord } from "@waggle/mcp";
import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { readEvents } from "../../testing/events.ts";
import { createInlineTools } from "../../testing/inline-tools.ts";
import type { AnswerCall, InlineTools } from "../../testing/inline-tools.ts";
import { call, say, useInlineTurns } from "../../testing/inline-turns.ts";

const turns = useInlineTurns();
const { start, request, ask } = turns;

const asking = (text: string, more: object = {}): object => ({
  ...{ messages: [{ role: "user", content: say(text) }], temperature: 0, mcp_tools: "all", job_id: "j" },
  ...more,
});

const post = (body: object, headers?: Record<string, string>) => turns.post("/v1/jobs", body, headers);

const stateOf = async (id: string): Promise<unknown> => await (await request("GET", `/v1/jobs/${id}`)).json();
const asks = { call: { state: "waits_for_consent" } };

/** Returns when the call is cancelled. */
const hang: AnswerCall = (_, __, signal) =>
  new Promise<CallOutcome>((resolve) =>
    signal.addEventListener("abort", () => resolve({ kind: "unknown", text: "Cancelled." })),
  );

/** Tools whose journal is changed. */
function withJournal(
  tools: InlineTools,
  begin: (open: () => Promise<TurnRecord | undefined>) => Promise<TurnRecord | undefined>,
): InlineTools["mcp"] {
  const { journal } = tools.mcp;
  return {
    ...tools.mcp,
    journal: { ...journal, begin: async (turn) => await begin(async () => await journal.begin(turn)) },
  };
}

it("a request that continues recorded messages supersedes a newer job that waits for consent", async () => {
  const reached = deferred<void>();
  await start((tool, given, signal) => {
    if (given["text"] !== "second") return { kind: "done", text: say(call("s__free", "second")) };
    reached.resolve();
    return hang(tool, given, signal);
  });
  const body = asking(call("s__free", "first"), { job_id: "a", session_id: "s" });
  await post(body);
  await reached.promise;
  turns.use(await turns.tools.restart(() => ({ kind: "done", text: say("Over.") })));
  await post(asking(call("s__asked", "x"), { job_id: "b", session_id: "s" }));
  await expect.poll(async () => await stateOf("b")).toMatchObject(asks);
  expect((await post(body)).status).toBe(202);
  await expect.poll(async () => await stateOf("a")).toMatchObject({ state: "finished" });
  expect(await stateOf("b")).toMatchObject({ cancelled_by: "superseded" });
});

it("a job_id that a live job with another key has is refused, and takes nothing from that job", async () => {
  // One job of the client at a time.
  turns.use(await createInlineTools(hang), { clientQueueShare: 0.004, queueCapacity: 1_000 });
  for (const key of ["one", "two"]) {
    const first = await post(asking(call("s__asked", "x"), { job_id: undefined }), { "idempotency-key": key });
    expect([key, first.status]).toEqual([key, 202]);
    const { job_id: id } = (await first.json()) as { job_id: string };
    await expect.poll(async () => await stateOf(id)).toMatchObject(asks);
    expect((await post(asking("other", { job_id: id }))).status).toBe(409);
    expect(await stateOf(id)).toMatchObject(asks);
    await request("DELETE", `/v1/jobs/${id}`);
    await expect.poll(() => turns.worker.app.calls?.held.shares).toBe(0);
  }
});

it("requests that wait for the journal together do not pass the client's share", async () => {
  const [tools, opened] = [await createInlineTools(hang), deferred<void>()];
  let begun = 0;
  const mcp = withJournal(tools, async (open) => {
    begun += 1;
    await opened.promise;
    return await open();
  });
  turns.use(tools, { clientQueueShare: 0.02, queueCapacity: 1_000, mcp });
  const asked = Array.from({ length: 15 }, async (_, index) => {
    return (await post(asking(call("s__asked", "x"), { job_id: `p${index}` }))).status;
  });
  await expect.poll(() => begun).toBe(5);
  opened.resolve();
  const statuses = await Promise.all(asked);
  expect([202, 429].map((status) => statuses.filter((one) => one === status).length)).toEqual([5, 10]);
});

it("a cancel of a request that was sent again cancels the call of its first try", async () => {
  const [reached, aborted, clock] = [deferred<void>(), deferred<void>(), createFakeClock()];
  const tools = await createInlineTools((tool, given, signal) => {
    signal.addEventListener("abort", () => aborted.resolve());
    reached.resolve();
    return hang(tool, given, signal);
  });
  turns.use(tools, { clock });
  const body = asking(call("s__free", "x"));
  const lost = await request("POST", "/v1/inference", body);
  await reached.promise;
  await lost.body?.cancel();
  const afterGrace = async (): Promise<unknown> => {
    clock.advance(1_000);
    return await stateOf("j");
  };
  await expect.poll(afterGrace).toMatchObject({ state: "cancelled", cancelled_by: "disconnect" });
  await post(body);
  await request("DELETE", "/v1/jobs/j");
  await aborted.promise;
  expect(tools.calls).toHaveLength(1);
});

it("a later message announces its place in the queue, also the place that the first one had", async () => {
  const [reached, go] = [deferred<void>(), deferred<void>()];
  const tools = await createInlineTools(async () => {
    reached.resolve();
    await go.promise;
    return { kind: "done", text: say("Fine.") };
  });
  turns.use(tools, { slots: 1, queueCapacity: 100, clock: createFakeClock() });
  const story = { messages: [{ role: "user", content: "A story." }], max_tokens: 100_000, ignore_eos: true };
  const writes = async (id: string): Promise<void> => {
    await post({ ...story, job_id: id, on_disconnect: "continue" });
  };
  await writes("first");
  await expect.poll(async () => await stateOf("first")).toMatchObject({ state: "decode" });
  await post(asking(call("s__free", "x"), { on_disconnect: "continue" }));
  const stream = readEvents(await request("GET", "/v1/jobs/j/stream"));
  await writes("last");
  await request("DELETE", "/v1/jobs/first");
  await reached.promise;
  await expect.poll(async () => await stateOf("last")).toMatchObject({ state: "decode" });
  go.resolve();
  await stream.until(({ type }) => type === "tool_result");
  expect((await stream.until(() => true)).at(-1)).toMatchObject({ type: "queued", position: 1 });
});

it("a request that is sent again gets no answer of another job that has taken its id", async () => {
  turns.use(await createInlineTools(), { endedJobsKept: 1 });
  const body = asking(call("s__free", say("Answer.")), { on_disconnect: "continue" });
  const plain = { messages: [{ role: "user", content: say("Other.") }], temperature: 0, on_disconnect: "continue" };
  await ask(body);
  await ask({ ...plain, job_id: "filler" });
  await ask({ ...plain, job_id: "j" });
  expect((await request("POST", "/v1/inference", body)).status).toBe(409);
});

it("a full queue refuses a newer request of a session whose job has no place in it, since it calls", async () => {
  turns.use(await createInlineTools(hang), { slots: 1, queueCapacity: 1 });
  await post(asking(call("s__asked", "x"), { session_id: "s", on_disconnect: "continue" }));
  await expect.poll(async () => await stateOf("j")).toMatchObject(asks);
  const story = { messages: [{ role: "user", content: "A story." }], ignore_eos: true, on_disconnect: "continue" };
  await post({ ...story, job_id: "runs" });
  await expect.poll(async () => await stateOf("runs")).toMatchObject({ state: "decode" });
  await post({ ...story, job_id: "waits" });
  expect((await post({ ...story, job_id: "newer", session_id: "s" })).status).toBe(429);
  expect(await stateOf("j")).toMatchObject(asks);
});
