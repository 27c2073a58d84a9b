// Contracts of Anthropic's message batches: bodies, the requests of a batch, and which client sees which batch.
import { deferred } from "@waggle/async";
import { MessageBatchSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { batchRequest, useBatches } from "../../testing/batches/batch-client.ts";
import { alice, bob, forTwoClients, root } from "../../testing/two-clients.ts";
import type { Json } from "../../testing/use-worker.ts";

const { open, inputFile, arriving, call, post, get, read, answerOf, ended, linesAt } = useBatches();

const path = "/v1/messages/batches";
const params = { model: "any", max_tokens: 4, messages: [{ role: "user", content: "A bee" }] };
const requestOf = (customId: string, more: object = {}) => ({ custom_id: customId, params: { ...params, ...more } });
const counts = (more: object) => ({ processing: 0, succeeded: 0, errored: 0, canceled: 0, expired: 0, ...more });

async function endedWith(requests: readonly unknown[], headers = {}): Promise<Json> {
  const { id } = await answerOf(path, { requests }, headers);
  return await ended(`${path}/${String(id)}`, headers);
}

test("a batch is in progress, then has a result for each request", async () => {
  open();
  const requests = [requestOf("1"), requestOf("2", { max_tokens: "many" }), requestOf("3", { stream: true })];
  const sent = await post(path, { requests });
  expect(sent.headers.get("request-id")).toMatch(/^req-/);
  const begun = (await sent.json()) as Json;
  expect(begun).toEqual({
    ...{ id: expect.stringMatching(/^msgbatch_/), type: "message_batch", processing_status: "in_progress" },
    ...{ request_counts: counts({}), created_at: expect.any(String), expires_at: expect.any(String) },
    ...{ ended_at: null, archived_at: null, cancel_initiated_at: null, results_url: null, reason: null },
  });
  const done = MessageBatchSchema.parse(await ended(`${path}/${String(begun["id"])}`));
  expect(done).toMatchObject({ processing_status: "ended", request_counts: counts({ succeeded: 1, errored: 2 }) });
  expect(done.results_url).toBe(`http://localhost${path}/${done.id}/results`);
  const proxied = await read(`${path}/${done.id}`, { "x-forwarded-proto": "https" });
  expect(proxied["results_url"]).toBe(`https://localhost${path}/${done.id}/results`);
  const response = await get(`${path}/${done.id}/results`, { accept: "application/binary" });
  expect(response.headers.get("content-type")).toBe("application/x-jsonl");
  const error = { type: "error", error: { type: "invalid_request_error" }, request_id: expect.stringMatching(/^req-/) };
  const results = await linesAt(`${path}/${done.id}/results`);
  expect(results).toMatchObject([
    { custom_id: "1", result: { type: "succeeded", message: { type: "message", role: "assistant" } } },
    { custom_id: "2", result: { type: "errored", error } },
    { custom_id: "3", result: { type: "errored", error } },
  ]);
  expect(await (await call("DELETE", `${path}/${done.id}`)).json()).toEqual({
    id: done.id,
    type: "message_batch_deleted",
  });
  expect((await get(`${path}/${done.id}`)).status).toBe(404);
});

describe("a request is refused as a whole", () => {
  test.each([
    ["a bad id", [requestOf("1"), requestOf("a b")], "requests.1.custom_id"],
    ["a long id", [requestOf("x".repeat(65))], "requests.0.custom_id"],
    ["no id", [{ params }], "requests.0.custom_id"],
    ["an id that another request has", [requestOf("1"), requestOf("1")], "requests.1.custom_id"],
    ["no params", [{ custom_id: "1" }], "requests.0.params"],
    ["a list as params", [{ custom_id: "1", params: [] }], "requests.0.params"],
    ["an element that is no object", [[]], "requests.0"],
    ["no requests", [], "requests"],
  ])("with %s", async (_, requests, field) => {
    open();
    const response = await post(path, { requests });
    const { error } = (await response.json()) as { error: { type: string; message: string } };
    expect([response.status, error.type]).toEqual([400, "invalid_request_error"]);
    expect(error.message).toContain(`"${field}"`);
    expect([arriving(), await read(path)]).toEqual([0, expect.objectContaining({ data: [] })]);
  });

  test("if an element is too large, too deep or no UTF-8", async () => {
    open({ maxBodyBytes: 10_000 });
    const large = await post(path, { requests: [requestOf("1", { system: "x".repeat(10_000) })] });
    expect([large.status, await large.json()]).toMatchObject([413, { error: { type: "request_too_large" } }]);
    const deep = `{"requests":[{"custom_id":"1","params":{"a":${"[".repeat(200)}${"]".repeat(200)}}}]}`;
    expect((await post(path, deep)).status).toBe(400);
    const bytes = Buffer.from(JSON.stringify({ requests: [requestOf("1", { system: "é" })] }), "latin1");
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes);
        controller.close();
      },
    });
    expect((await call("POST", path, stream)).status).toBe(400);
    expect(arriving()).toBe(0);
  });

  test("the requests of a batch may be larger than the limit of a body", async () => {
    open({ maxBodyBytes: 10_000 });
    const many = Array.from({ length: 20 }, (_, index) => requestOf(`${index}`, { system: "x ".repeat(1_000) }));
    const done = await endedWith(many);
    expect(done["request_counts"]).toEqual(counts({ succeeded: 20 }));
  });
});

test("a batch is cancelled, and neither deleted nor read before its end", async () => {
  const second = deferred<void>();
  open({}, async ({ customId }, ask) => {
    if (customId === "2") await second.promise;
    return await ask();
  });
  const { id } = await answerOf(path, { requests: [requestOf("1"), requestOf("2")] });
  const own = `${path}/${String(id)}`;
  await expect.poll(async () => (await read(own))["request_counts"]).toEqual(counts({ processing: 2 }));
  expect((await call("DELETE", own)).status).toBe(400);
  expect((await get(`${own}/results`)).status).toBe(404);
  expect((await post(`${own}/cancel`, undefined)).status).toBe(200);
  second.resolve();
  await ended(own);
  const over = await answerOf(`${own}/cancel`, undefined);
  expect(over).toMatchObject({ processing_status: "ended", cancel_initiated_at: expect.any(String) });
  expect((over["request_counts"] as { canceled: number }).canceled).toBeGreaterThan(0);
  expect(await linesAt(`${own}/results`)).toContainEqual({ custom_id: "2", result: { type: "canceled" } });
});

test.each([
  ["limit=1001", 400],
  ["before_id=x", 404],
  ["after_id=x", 404],
])("a list with %s is refused", async (query, status) => {
  open();
  expect((await get(`${path}?${query}`)).status).toBe(status);
});

test("a message batch belongs to its client, and is no batch of OpenAI's", async () => {
  open({ access: forTwoClients });
  const id = String((await endedWith([requestOf("1")], alice))["id"]);
  const seen = async (headers: Record<string, string>): Promise<unknown> => [
    (await get(`${path}/${id}`, headers)).status,
    (await get(`${path}/${id}/results`, headers)).status,
    ((await read(path, headers))["data"] as unknown[]).length,
  ];
  expect(await seen(alice)).toEqual([200, 200, 1]);
  expect(await seen(bob)).toEqual([404, 404, 0]);
  expect(await seen(root)).toEqual([200, 404, 1]);
  expect(await (await get(`${path}/${id}`, bob)).json()).toMatchObject({ error: { type: "not_found_error" } });
  expect((await get(`/v1/batches/${id}`, alice)).status).toBe(404);
  expect(await read("/v1/batches", alice)).toMatchObject({ data: [] });
});

test("a request with the key of an earlier one finds its batch", async () => {
  open();
  const key = { "idempotency-key": "k" };
  const again = [
    await answerOf(path, { requests: [requestOf("1")] }, key),
    await answerOf(path, { requests: [requestOf("1")] }, key),
  ];
  const other = await answerOf("/v1/batches", batchRequest(await inputFile("{}")), key);
  expect(again[1]?.["id"]).toBe(again[0]?.["id"]);
  expect(other["id"]).toMatch(/^batch_/);
});
