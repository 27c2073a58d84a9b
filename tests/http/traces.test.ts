// Tests the traces that a real worker sends to a collector in this process: their spans, and that a missing collector affects no request.
import { attributesOf, startOtlpReceiver } from "@waggle/testing";
import type { OtlpReceiver, OtlpSpan } from "@waggle/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";

let receiver: OtlpReceiver;
beforeEach(async () => {
  receiver = await startOtlpReceiver();
});
afterEach(async () => {
  await killDaemons();
  await receiver.close();
});

const traceId = "0af7651916cd43dd8448eb211c80319c";
const parentId = "b7ad6b7169203331";
const secret = "a prompt that stays secret";

function spawn(url = receiver.url, env: Record<string, string> = {}) {
  return spawnFakeWorker(["--fake-step-delay", "2"], {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_SERVICE_NAME: "bees",
      OTEL_BSP_SCHEDULE_DELAY: "50",
      ...env,
    },
  });
}

async function chat(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  const text = JSON.stringify({ messages: [{ role: "user", content: `${secret} [eog:5]` }], ...body });
  return await fetch(`${url}/v1/chat/completions`, { method: "POST", body: text, headers });
}

const startOf = (span: OtlpSpan): bigint => BigInt(span.startTimeUnixNano);
const endOf = (span: OtlpSpan): bigint => BigInt(span.endTimeUnixNano);

test("a request is a span of its caller's trace, with queue, prefill and decode of its job as children", async () => {
  const worker = await spawn();
  const before = BigInt(Date.now()) * 1_000_000n;
  const traceparent = `00-${traceId}-${parentId}-01`;
  const answer = await chat(worker.url, { stream: true, max_tokens: 50, seed: 7 }, { traceparent, tracestate: "a=1" });
  expect(await answer.text()).toContain("[DONE]");
  const spans = await receiver.spans(4);
  const after = BigInt(Date.now()) * 1_000_000n;

  const named = (name: string): OtlpSpan => spans.find((span) => span.name === name) ?? expect.fail(`No span ${name}`);
  const [request, queue, prefill, decode] = ["POST /v1/chat/completions", "queue", "prefill", "decode"].map(named);
  if (request === undefined || queue === undefined || prefill === undefined || decode === undefined) expect.fail();
  expect(spans).toHaveLength(4);
  for (const span of spans) expect([span.traceId, span.traceState]).toEqual([traceId, "a=1"]);
  expect([request.parentSpanId, request.kind, request.status]).toEqual([parentId, 2, undefined]);
  for (const span of [queue, prefill, decode]) expect([span.parentSpanId, span.kind]).toEqual([request.spanId, 1]);
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(4);

  expect(startOf(request)).toBeGreaterThan(before - 1_000_000n);
  expect(startOf(queue)).toBeGreaterThanOrEqual(startOf(request));
  expect([endOf(queue), endOf(prefill)]).toEqual([startOf(prefill), startOf(decode)]);
  expect(endOf(prefill)).toBeGreaterThan(startOf(prefill));
  expect(endOf(decode)).toBeGreaterThan(startOf(decode));
  expect(endOf(request)).toBeGreaterThanOrEqual(endOf(decode));
  expect(endOf(request)).toBeLessThan(after + 1_000_000n);

  const { usage } = (await (await chat(worker.url, { seed: 7 })).json()) as { usage: Record<string, number> };
  expect(attributesOf(request)).toMatchObject({
    "http.request.method": "POST",
    "http.route": "/v1/chat/completions",
    "http.response.status_code": "200",
    "waggle.client": "local",
    "waggle.request.id": answer.headers.get("x-request-id"),
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "waggle-fake",
    "gen_ai.request.max_tokens": "50",
    "gen_ai.request.seed": "7",
    "gen_ai.usage.input_tokens": String(usage["prompt_tokens"]),
    "gen_ai.usage.output_tokens": String(usage["completion_tokens"]),
    "gen_ai.response.finish_reasons": "stop",
  });
  expect(attributesOf(decode)).toMatchObject({ "waggle.job.reason": "stop" });
  const [post] = receiver.posts;
  expect(post?.body.resourceSpans[0]?.resource.attributes).toContainEqual({
    key: "service.name",
    value: { stringValue: "bees" },
  });
  await receiver.spans(8);
  expect(JSON.stringify(receiver.posts)).not.toContain(secret);
  // The worker counts spans when the collector has answered, and may send them in several posts.
  const metrics = async (): Promise<string> => await (await fetch(`${worker.url}/metrics`)).text();
  await expect.poll(metrics).toMatch(/waggle_trace_spans_total\{outcome="sent"\} 8\n/);
});

test("an exiting worker sends the spans of refused requests and of jobs, but not of unsampled requests", async () => {
  const worker = await spawn(receiver.url, { OTEL_BSP_SCHEDULE_DELAY: "60000" });
  await (await chat(worker.url, {}, { traceparent: `00-${traceId}-${parentId}-00` })).text();
  expect((await chat(worker.url, { messages: 3 })).status).toBe(400);
  const job = await fetch(`${worker.url}/v1/jobs`, { method: "POST", body: JSON.stringify({ prompt: "a [eog:2]" }) });
  const { sse_url: path } = (await job.json()) as { sse_url: string };
  await (await fetch(`${worker.url}${path}`)).text();
  worker.signal("SIGTERM");
  expect((await worker.exited).code).toBe(0);
  const spans = await receiver.spans(5);
  expect(spans.map(({ name }) => name).toSorted()).toEqual([
    "POST /v1/chat/completions",
    "POST /v1/jobs",
    "decode",
    "prefill",
    "queue",
  ]);
  expect(spans.every((span) => span.traceId !== traceId)).toBe(true);
});

test("without a collector the worker answers, logs the problem once, and exits in time", async () => {
  const saysSo = ({ msg }: { readonly msg?: unknown }): boolean => String(msg).startsWith("Cannot send traces");
  const gone = await startOtlpReceiver();
  await gone.close();
  const worker = await spawn(gone.url, { OTEL_BSP_MAX_QUEUE_SIZE: "2" });
  for (let i = 0; i < 3; i += 1) expect((await chat(worker.url, {})).status).toBe(200);
  await worker.log.line("the log line about unsent traces", saysSo);
  expect(await (await fetch(`${worker.url}/metrics`)).text()).toMatch(
    /waggle_trace_spans_total\{outcome="dropped"\} [1-9]/,
  );
  worker.signal("SIGTERM");
  expect((await worker.exited).code).toBe(0);
  expect(worker.log.lines.filter(saysSo)).toHaveLength(1);
});

test("a collector that never answers does not delay the worker's exit", async () => {
  receiver.answer("hang");
  const worker = await spawn();
  expect((await chat(worker.url, {})).status).toBe(200);
  await receiver.received(1);
  worker.signal("SIGTERM");
  expect((await worker.exited).code).toBe(0);
});
