// Contracts of OpenAI's batches: golden bodies, the fields of a request, the routes of all endpoints, and which client sees which batch.
import { deferred } from "@waggle/async";
import { createStepGate } from "@waggle/engine/testing";
import { createTokenTable, noQuota } from "@waggle/daemon/tokens";
import type { Quota } from "@waggle/daemon/tokens";
import { BatchSchema, WaggleError } from "@waggle/protocol";
import type { Batch } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { batchRequest, chatLine, refusal, useBatches } from "../../testing/batches/batch-client.ts";
import { alice, bob, forTwoClients, root, watcher } from "../../testing/two-clients.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, open, inputFile, call, post, get, read, answerOf, batch, ended, linesAt } = useBatches();

const nothing = { total: 0, completed: 0, failed: 0 };

describe("a batch", () => {
  test("begins with OpenAI's fields, null where nothing is known", async () => {
    open();
    const id = await inputFile(JSON.stringify(chatLine("1")));
    const sent = await post("/batches", batchRequest(id, { completion_window: "72h", metadata: { a: "b" } }));
    const body = (await sent.json()) as Batch;
    expect(body).toEqual({
      ...{ id: expect.stringMatching(/^batch_/), object: "batch", endpoint: "/v1/chat/completions" },
      ...{ model: null, errors: null, input_file_id: id, completion_window: "72h", status: "validating" },
      ...{ output_file_id: null, error_file_id: null, created_at: expect.any(Number), in_progress_at: null },
      ...{ expires_at: expect.any(Number), finalizing_at: null, completed_at: null, failed_at: null },
      ...{ expired_at: null, cancelling_at: null, cancelled_at: null, request_counts: nothing },
      usage: expect.objectContaining({ input_tokens: 0, total_tokens: 0 }),
      ...{ metadata: { a: "b" }, paused: false, lines_per_second: null, estimated_completed_at: null },
      reason: null,
    });
    expect([body.expires_at - body.created_at, BatchSchema.parse(body).id]).toEqual([72 * 3_600, body.id]);
  });

  test("answers each line, and has the results in two files", async () => {
    open();
    const wrong = chatLine("2", { temperature: "hot" });
    const done = BatchSchema.parse(await batch([chatLine("1"), wrong, chatLine("3")]));
    expect(done).toMatchObject({ status: "completed", request_counts: { total: 3, completed: 2, failed: 1 } });
    const results = await linesAt(`/v1/files/${done.output_file_id}/content`);
    expect(results).toEqual(
      ["1", "3"].map((customId) => ({
        id: expect.stringMatching(/^batch_req_/),
        custom_id: customId,
        response: {
          status_code: 200,
          request_id: expect.stringMatching(/^req-/),
          body: expect.objectContaining({ object: "chat.completion" }),
        },
        error: null,
      })),
    );
    expect(await linesAt(`/v1/files/${done.error_file_id}/content`)).toMatchObject([
      {
        custom_id: "2",
        response: { status_code: 400, body: { error: { type: "invalid_request_error", param: "temperature" } } },
        error: null,
      },
    ]);
    const usages = results.map(({ response }) => (response as { body: { usage: Record<string, number> } }).body.usage);
    const sumOf = (name: string): number => usages.reduce((sum, usage) => sum + (usage[name] ?? 0), 0);
    expect(done.usage).toMatchObject({
      ...{ input_tokens: sumOf("prompt_tokens"), output_tokens: sumOf("completion_tokens") },
      total_tokens: sumOf("total_tokens"),
    });
    expect(await read(`/v1/files/${done.output_file_id}`)).toMatchObject({ purpose: "batch_output" });
  });

  test.each([
    ["/v1/completions", "generate", { prompt: "A bee", max_tokens: 4 }],
    ["/v1/responses", "generate", { input: "A bee", max_output_tokens: 4 }],
    ["/v1/embeddings", "embed", { input: ["A bee", "A cat"] }],
    ["/v1/rerank", "rerank", { query: "A bee", documents: ["honey", "milk"] }],
    [
      "/v1/decisions",
      "generate",
      { input: "A bee", questions: [{ type: "predicate", name: "a", instructions: "Is it?" }] },
    ],
  ] as const)("has lines for %s, with their usage", async (endpoint, kind, body) => {
    open({ fake: { kind } });
    const done = await batch([{ custom_id: "1", method: "POST", url: endpoint, body }], { endpoint });
    expect(done).toMatchObject({ status: "completed", request_counts: { total: 1, completed: 1, failed: 0 } });
    expect((done["usage"] as Json)["input_tokens"]).toBeGreaterThan(0);
  });

  test("with mistakes in its lines fails with OpenAI's codes", async () => {
    open();
    const rows = [
      chatLine("1"),
      "{bad",
      chatLine("1"),
      { ...chatLine("2"), method: undefined },
      { ...chatLine("3"), method: "GET" },
      { ...chatLine("4"), url: "/v1/embeddings" },
      { ...chatLine("5"), body: "x" },
      chatLine("x".repeat(513)),
      "",
      "[".repeat(100_000),
      '{"__proto__":1}',
    ];
    const failed = await batch(rows);
    expect(failed).toMatchObject({ status: "failed", output_file_id: null, request_counts: nothing });
    const { data } = failed["errors"] as { data: Json[] };
    expect(data.map(({ code, param, line }) => [line, code, param])).toEqual([
      [2, "invalid_json_line", null],
      [3, "duplicate_custom_id", "custom_id"],
      [4, "missing_required_parameter", "method"],
      [5, "invalid_value", "method"],
      [6, "url_mismatch", "url"],
      [7, "invalid_type", "body"],
      [8, "invalid_value", "custom_id"],
      [10, "invalid_json_line", null],
      [11, "missing_required_parameter", "custom_id"],
    ]);
  });

  test("refuses fields that a line cannot have, in the line's answer", async () => {
    open();
    const fields = {
      stream: true,
      store: true,
      background: true,
      previous_response_id: "resp_1",
      tools: [{ type: "mcp" }],
    };
    const lines = Object.entries(fields).map(([name, value]) => ({
      ...{ custom_id: name, method: "POST", url: "/v1/responses", body: { input: "A bee", [name]: value } },
    }));
    const done = await batch(lines, { endpoint: "/v1/responses" });
    expect(done).toMatchObject({ status: "completed", output_file_id: null, request_counts: { failed: 5 } });
    const errors = await linesAt(`/v1/files/${String(done["error_file_id"])}/content`);
    const params = errors.map(({ response }) => (response as { body: { error: Json } }).body.error["param"]);
    expect(params).toEqual(Object.keys(fields).toSorted());
  });

  test("stores no response of its lines", async () => {
    open();
    const line = {
      custom_id: "1",
      method: "POST",
      url: "/v1/responses",
      body: { input: "A bee", max_output_tokens: 4 },
    };
    const done = await batch([line], { endpoint: "/v1/responses" });
    const [result] = await linesAt(`/v1/files/${String(done["output_file_id"])}/content`);
    const { body } = (result as { response: { body: { id: string; store: boolean } } }).response;
    expect(body.store).toBe(false);
    expect((await get(`/v1/responses/${body.id}`)).status).toBe(404);
  });

  test("keeps its answers when it is cancelled, and can be cancelled again", async () => {
    const second = deferred<void>();
    open({}, async ({ customId }, ask) => {
      if (customId === "2") await second.promise;
      return await ask();
    });
    const input = await inputFile([chatLine("1"), chatLine("2")].map((line) => JSON.stringify(line)).join("\n"));
    const { id } = await answerOf("/v1/batches", batchRequest(input));
    const own = `/v1/batches/${String(id)}`;
    await expect.poll(async () => (await read(own))["request_counts"]).toMatchObject({ completed: 1 });
    expect(await answerOf(`${own}/pause`, undefined)).toMatchObject({ paused: true });
    expect(await answerOf(`${own}/resume`, undefined)).toMatchObject({ paused: false });
    expect((await post(`${own}/cancel`, undefined)).status).toBe(200);
    second.resolve();
    await ended(own);
    const body = BatchSchema.parse(await answerOf(`${own}/cancel`, undefined));
    expect([body.status, body.request_counts]).toEqual(["cancelled", { total: 2, completed: 1, failed: 0 }]);
    expect(await linesAt(`/v1/files/${body.error_file_id}/content`)).toEqual([
      {
        id: expect.stringMatching(/^batch_req_/),
        custom_id: "2",
        response: null,
        error: { code: "batch_cancelled", message: expect.any(String) },
      },
    ]);
    expect((await linesAt(`/v1/files/${body.output_file_id}/content`)).map((line) => line["custom_id"])).toEqual(["1"]);
  });

  test("that has ended cannot be cancelled or paused", async () => {
    open();
    const { id } = await batch([chatLine("1")]);
    for (const act of ["cancel", "pause", "resume"]) {
      const refused = await refusal(post(`/v1/batches/${String(id)}/${act}`, undefined));
      expect(refused).toMatchObject({ status: 409, code: null, retry: "false" });
    }
  });
});

test.each([
  ["input_file_id", "missing_required_parameter", { input_file_id: undefined }],
  ["endpoint", "missing_required_parameter", { endpoint: undefined }],
  ["endpoint", "invalid_argument", { endpoint: "/v1/moderations" }],
  ["completion_window", "missing_required_parameter", { completion_window: undefined }],
  ["completion_window", "invalid_argument", { completion_window: "1d" }],
  ["completion_window", "invalid_argument", { completion_window: "73h" }],
  ["metadata", "invalid_argument", { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, ""])) }],
  ["output_expires_after.seconds", "invalid_argument", { output_expires_after: { anchor: "created_at", seconds: 1 } }],
])("a request with a wrong %s is refused as %s", async (param, code, more) => {
  open();
  const refused = await refusal(post("/v1/batches", batchRequest(await inputFile("{}"), more)));
  expect(refused).toMatchObject({ status: 400, type: "invalid_request_error", param, code });
});

test("a request names a file with the right purpose, which the client has uploaded", async () => {
  open({ access: forTwoClients });
  const id = await inputFile(JSON.stringify(chatLine("1")), alice);
  const unknown = { status: 404, param: "input_file_id", code: null };
  expect(await refusal(post("/v1/batches", batchRequest(id), bob))).toMatchObject(unknown);
  expect(await refusal(post("/v1/batches", batchRequest("file-0"), alice))).toMatchObject(unknown);
  const { output_file_id: results } = await batch([chatLine("1")], {}, alice);
  const refused = await refusal(post("/v1/batches", batchRequest(String(results)), alice));
  expect(refused).toMatchObject({ status: 400, param: "input_file_id" });
});

test.each(["limit=0", "limit=101", "limit=x"])("a list with %s is refused", async (query) => {
  open();
  expect(await refusal(get(`/v1/batches?${query}`))).toMatchObject({ status: 400, param: "limit" });
});

test("a batch belongs to the client of its token", async () => {
  open({ access: forTwoClients });
  const { id } = await batch(["{bad"], { metadata: { secret: "s" } }, alice);
  const seen = async (headers: Record<string, string>): Promise<unknown> => {
    const statuses = [(await get(`/v1/batches/${String(id)}`, headers)).status];
    statuses.push((await call("POST", `/v1/batches/${String(id)}/cancel`, undefined, headers)).status);
    const { data } = (await read("/v1/batches", headers)) as { data: Batch[] };
    return [...statuses, data.map(({ metadata, errors }) => [metadata, errors?.data.length])];
  };
  expect(await seen(alice)).toEqual([200, 409, [[{ secret: "s" }, 1]]]);
  expect(await seen(bob)).toEqual([404, 404, []]);
  expect(await seen(root)).toEqual([200, 409, [[{ secret: "s" }, 1]]]);
  expect(await seen(watcher)).toEqual([404, 404, [[null, undefined]]]);
  expect(await refusal(get("/v1/batches/batch_0", bob))).toMatchObject({ status: 404, param: "id", code: null });
});

describe("a line", () => {
  test("is a job of its client with the lane's priority, and without a deadline or a session", async () => {
    const gate = createStepGate();
    open({ access: forTwoClients, gate });
    const done = batch([chatLine("1")], {}, alice);
    await gate.held();
    const [{ spec } = expect.fail("no job")] = worker.registry.liveJobs();
    gate.open();
    expect(spec).toMatchObject({ who: { client: "alice", batch: (await done)["id"] }, when: { priority: -11 } });
    expect([spec.when.deadlineMs, spec.who.sessionId]).toEqual([undefined, undefined]);
  });

  test("leaves no stream, no row and no log line, so any number of them displaces no other job", async () => {
    open({ endedJobsKept: 2, limits: { retryGraceMs: 60_000 } });
    const headers = { "idempotency-key": "k" };
    const chat = { job_id: "chat", prompt: "A bee", max_tokens: 4 };
    const text = await (await post("/v1/inference", chat, headers)).text();
    const before = worker.logLines.length;
    await batch([..."12345"].map((id) => chatLine(id)));
    expect(worker.logLines.slice(before).filter(({ level }) => level !== "debug")).toEqual([]);
    expect((await worker.registry.ended()).map(({ job_id }) => job_id)).toEqual(["chat"]);
    const replayed = await get("/v1/jobs/chat/stream", { "last-event-id": "1" });
    expect([replayed.status, worker.registry.endedCount]).toEqual([200, 1]);
    const again = await post("/v1/inference", chat, headers);
    expect([again.headers.get("idempotent-replayed"), await again.text()]).toEqual(["true", text]);
  });

  test("counts in its client's quota only with its tokens", async () => {
    const table = tableWith({ requestsPerMinute: 2, runningJobs: 2 });
    open({ access: { localMode: false, tokens: () => table } });
    const prompts = { url: "/v1/completions", body: { prompt: ["A bee", "A cat"], max_tokens: 4 } };
    await batch([{ ...chatLine("0"), ...prompts }], { endpoint: prompts.url }, alice);
    const marks = worker.logLines.flatMap(({ msg }) => /^stream_(accepted|end)$/.exec(String(msg))?.[1] ?? []);
    expect(marks, "prompts of a line run one after the other").toEqual(["accepted", "end", "accepted", "end"]);
    const [before] = worker.accounts.report("alice").clients;
    const done = await batch([chatLine("1"), chatLine("2"), chatLine("3")], {}, alice);
    expect(done).toMatchObject({ status: "completed", request_counts: { completed: 3 } });
    const { clients } = (await read("/v1/usage", alice)) as { clients: Json[] };
    expect(clients).toMatchObject([{ client: "alice", requests: { accepted: 2 }, running: 0 }]);
    const tokens = Number(clients[0]?.["completion_tokens"]) - (before?.completion_tokens ?? 0);
    expect(tokens).toBe((done["usage"] as Json)["output_tokens"]);
    const second = await refusal(post("/v1/batches", batchRequest(await inputFile("{}", alice)), alice));
    expect(second).toMatchObject({ status: 429, code: "rate_limit_exceeded" });
  });

  test.each([
    ["its client's token is gone", undefined],
    ["its client's quota of the minute is used up", { tokensPerMinute: 1 }],
    ["its client's quota of the day is used up", { tokensPerDay: 1 }],
  ])("waits while %s, and holds no place of its model", async (_, quota) => {
    let table = tableWith({ runningJobs: 1 });
    const asked: string[] = [];
    open({ slots: 1, access: { localMode: false, tokens: () => table } }, async ({ customId }, ask) => {
      asked.push(customId);
      const answer = await ask();
      if (customId === "a1") table = tableWith(quota);
      return answer;
    });
    const own = await begun(["a1", "a2", "a3"], alice);
    await expect.poll(async () => worker.accounts.report("alice").clients[0]?.jobs.finished).toBe(1);
    const others = await batch(
      ["b1", "b2", "b3"].map((id) => chatLine(id)),
      {},
      bob,
    );
    expect([others["request_counts"], asked.filter((id) => id < "b")]).toEqual([
      { total: 3, completed: 3, failed: 0 },
      ["a1"],
    ]);
    table = tableWith({});
    expect(await ended(own, alice)).toMatchObject({ request_counts: { completed: 3 } });
  });

  test.each([{ runningJobs: 3 }, { tokensPerMinute: 100 }, { tokensPerDay: 100 }])(
    "begins only within its client's %o, however many slots are free",
    async (quota) => {
      const table = tableWith(quota);
      let [running, most] = [0, 0];
      let chat: Promise<Json> | undefined;
      open({ slots: 16, access: { localMode: false, tokens: () => table } }, async (_, ask) => {
        most = Math.max(most, (running += 1));
        const answer = ask().finally(() => (running -= 1));
        // Lines leave the client's own requests their places.
        if (running === quota.runningJobs) chat ??= answerOf("/v1/chat/completions", chatLine("own")["body"], alice);
        return await answer;
      });
      const lines = Array.from({ length: 40 }, (_, index) => `${index}`);
      const [own, usage] = [await begun(lines, alice), () => worker.accounts.report("alice").clients[0]];
      if (quota.runningJobs === undefined) {
        await expect.poll(() => running === 0 && worker.accounts.lineRefusal("alice")).toContain("is used up");
        const { prompt_tokens, completion_tokens, jobs } = usage() ?? expect.fail("no usage");
        const used = prompt_tokens + completion_tokens;
        expect(used).toBeGreaterThanOrEqual(100);
        expect(used).toBeLessThan(100 + (2 * used) / jobs.finished);
        return;
      }
      await ended(own, alice);
      expect([(await chat)?.["object"], most, usage()?.running]).toEqual(["chat.completion", 3, 0]);
    },
  );

  test("has no answer while the worker leaves", async () => {
    const answers: unknown[] = [];
    open({}, async (_, ask) => {
      worker.dispatcher.refuse(new WaggleError("unavailable", "The worker is draining."));
      const answer = await ask();
      answers.push(answer);
      return answer;
    });
    await answerOf("/v1/batches", batchRequest(await inputFile(JSON.stringify(chatLine("1")))));
    await expect.poll(() => answers[0]).toBe("The worker is draining.");
  });
});

/** Creates a batch of chats. @returns its path */
async function begun(ids: readonly string[], headers: Record<string, string>): Promise<string> {
  const input = await inputFile(ids.map((id) => JSON.stringify(chatLine(id))).join("\n"), headers);
  return `/v1/batches/${String((await answerOf("/v1/batches", batchRequest(input), headers))["id"])}`;
}

/** @param quota of alice; undefined: she has no token */
function tableWith(quota: Partial<Quota> | undefined): ReturnType<typeof createTokenTable> {
  const own = { name: "alice", token: "alice-token-1", quota: { ...noQuota, ...quota } };
  return createTokenTable([...(quota === undefined ? [] : [own]), { name: "bob", token: "bob-token-22" }]);
}
