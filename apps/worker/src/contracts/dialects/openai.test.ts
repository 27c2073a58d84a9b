import { expectedFakeText } from "@waggle/engine";
import { createStepGate } from "@waggle/engine/testing";
import { OpenAiErrorSchema } from "@waggle/protocol";
import { parseSse } from "@waggle/protocol/sse";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, post } = useInlineWorker();

const chat = (content: string, more: Json = {}) => ({ messages: [{ role: "user", content }], temperature: 0, ...more });

async function chunksOf(response: Response): Promise<{ chunks: Json[]; done: boolean; failed: boolean }> {
  const chunks: Json[] = [];
  let done = false;
  let failed = false;
  try {
    for await (const { data } of parseSse(response.body as ReadableStream<Uint8Array>)) {
      if (data === "[DONE]") done = true;
      else chunks.push(JSON.parse(data) as Json);
    }
  } catch {
    failed = true;
  }
  return { chunks, done, failed };
}

const choicesOf = (chunk: Json) => chunk["choices"] as (Json & { delta: Json })[];
const contentOf = (chunks: readonly Json[]) =>
  chunks
    .flatMap((chunk) => choicesOf(chunk).map((choice) => (choice.delta["content"] as string | null) ?? ""))
    .join("");

const greedy = { temperature: 0, seed: 42, ignore_eos: false };

describe("chat completions", () => {
  it("collected: message, finish reason, usage, timings", async () => {
    start();
    const body = (await (await post("/v1/chat/completions", chat("Hello [eog:4]"))).json()) as Json;
    const input = { kind: "messages" as const, messages: [{ role: "user" as const, content: "Hello [eog:4]" }] };
    const content = expectedFakeText(input, greedy, 100);
    expect(body).toMatchObject({
      object: "chat.completion",
      model: "waggle-fake",
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop", logprobs: null }],
      usage: { completion_tokens: 5, prompt_tokens_details: { cached_tokens: 0 } },
      timings: { predicted_n: 5, cache_n: 0 },
    });
    expect(body["id"]).toMatch(/^chatcmpl-/);
    expect(body["system_fingerprint"]).toMatch(/^build-waggle-/);
  });

  it("streamed with return_progress: the prompt's progress, then the answer", async () => {
    start();
    const request = chat(`${"x".repeat(1_500)}[eog:2]`, { stream: true, return_progress: true });
    const { chunks, done } = await chunksOf(await post("/v1/chat/completions", request));
    const told = chunks.flatMap((chunk) => (chunk["prompt_progress"] === undefined ? [] : [chunk["prompt_progress"]]));
    const total = 1_500 + "[eog:2]".length + 4;
    expect(told[0]).toEqual({ total, cache: 0, processed: 0, time_ms: 0 });
    expect(told.at(-1)).toMatchObject({ total, cache: 0, processed: total });
    expect(chunks.findLastIndex((chunk) => chunk["prompt_progress"] !== undefined)).toBeLessThan(
      chunks.findIndex((chunk) => typeof choicesOf(chunk)[0]?.delta["content"] === "string"),
    );
    expect(chunks.every((chunk) => choicesOf(chunk).length === 1)).toBe(true);
    expect(done).toBe(true);
  });

  it("streamed with timings_per_token: the timings so far in progress events and in each chunk", async () => {
    start();
    const wanted = { stream: true, timings_per_token: true, return_progress: true };
    const { chunks } = await chunksOf(await post("/v1/chat/completions", chat(`${"x".repeat(1_500)}[eog:3]`, wanted)));
    const timingsOf = (of: (chunk: Json) => boolean) => chunks.filter(of).map(({ timings }) => timings as Json);
    const total = 1_500 + "[eog:3]".length + 4;
    const computed = timingsOf((chunk) => chunk["prompt_progress"] !== undefined);
    expect(computed.length).toBeGreaterThan(1);
    expect(computed.at(-1)).toMatchObject({ cache_n: 0, prompt_n: total, predicted_n: 0 });
    const predicted = timingsOf((chunk) => typeof choicesOf(chunk)[0]?.delta["content"] === "string");
    expect(predicted.map(({ prompt_n, predicted_n }) => [prompt_n, predicted_n])).toEqual([
      [total, 1],
      [total, 2],
      [total, 3],
    ]);
  });

  it("report the number of cached prompt tokens in the usage", async () => {
    start({ slots: 1 });
    await post("/v1/chat/completions", chat("You are a bee. Today is Monday. [eog:1]"));
    const again = await post("/v1/chat/completions", chat("You are a bee. Today is Tuesday. [eog:1]"));
    expect(await again.json()).toMatchObject({
      usage: { prompt_tokens_details: { cached_tokens: expect.any(Number), differs_at: "Tuesday. [eog:1]" } },
    });
  });

  it("streamed: SSE comments report the status, invisible to clients that parse events", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    const [running, waiting] = [chat("one [eog:1]", { stream: true }), chat("two [eog:1]", { stream: true })];
    const first = await post("/v1/chat/completions", running);
    const second = await post("/v1/chat/completions", waiting);
    gate.open();
    const [text, alone] = await Promise.all([second.text(), first.text()]);
    expect(text).toMatch(/^: queued 1\n\n/);
    expect(alone, "a job that waits for no other").not.toContain("queued");
    expect(text).toContain(": thinking\n\n");
  });

  it("streamed: role, content, finish, usage, [DONE], and the same text as collected", async () => {
    start();
    const request = chat("Hello [eog:4]", { stream: true, stream_options: { include_usage: true } });
    const { chunks, done } = await chunksOf(await post("/v1/chat/completions", request));
    const whole = (await (await post("/v1/chat/completions", chat("Hello [eog:4]"))).json()) as Json;
    expect(choicesOf(chunks[0] ?? {})[0]?.delta).toEqual({ role: "assistant", content: null });
    const [last, beforeLast] = [chunks.at(-1) ?? {}, chunks.at(-2) ?? {}];
    expect(last).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
    expect(choicesOf(beforeLast)).toMatchObject([{ index: 0, delta: {}, finish_reason: "stop" }]);
    expect(chunks.slice(0, -1).every((chunk) => chunk["usage"] === null)).toBe(true);
    expect(new Set(chunks.map((chunk) => chunk["id"])).size).toBe(1);
    expect(contentOf(chunks)).toBe((whole["choices"] as { message: { content: string } }[])[0]?.message.content);
    expect(done).toBe(true);
  });

  it("runs n choices in parallel, each with another seed", async () => {
    start({ slots: 3 });
    const request = chat("Hello [eog:6]", { n: 3, temperature: 1, seed: 7 });
    const body = (await (await post("/v1/chat/completions", request)).json()) as Json;
    const texts = (body["choices"] as { message: { content: string } }[]).map((choice) => choice.message.content);
    const input = { kind: "messages" as const, messages: [{ role: "user" as const, content: "Hello [eog:6]" }] };
    const expected = [7, 8, 9].map((seed) => expectedFakeText(input, { temperature: 1, seed, ignore_eos: false }, 100));
    expect(texts).toEqual(expected);
    expect(body["usage"]).toMatchObject({ completion_tokens: 21 });
    const streamed = await chunksOf(await post("/v1/chat/completions", { ...request, stream: true }));
    const ends = streamed.chunks.flatMap(choicesOf).filter((choice) => choice["finish_reason"] !== null);
    expect(ends.map((choice) => choice["index"])).toEqual([0, 1, 2]);
  });

  it("sends a Retry-After when the worker leaves before the job runs", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    const running = post("/v1/chat/completions", chat("one [eog:3]"));
    await gate.held();
    const waiting = post("/v1/chat/completions", chat("two"));
    await new Promise((resolve) => setImmediate(resolve));
    worker.host.refuse();
    const refused = await waiting;
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    gate.open();
    expect((await running).status).toBe(200);
  });

  it("refuses more choices than slots", async () => {
    start({ slots: 2 });
    const response = await post("/v1/chat/completions", chat("Hello", { n: 3 }));
    expect(response.status).toBe(400);
    expect(OpenAiErrorSchema.parse(await response.json()).error.message).toContain('"n"');
  });

  it("begins several choices only when every choice has a slot", async () => {
    const gate = createStepGate();
    start({ slots: 2, gate });
    const single = post("/v1/chat/completions", chat("one [eog:3]"));
    await gate.held();
    const pair = post("/v1/chat/completions", chat("pair [eog:2]", { n: 2 }));
    const later = post("/v1/chat/completions", chat("later [eog:2]"));
    gate.open();
    const bodies = (await Promise.all([single, pair, later].map(async (answer) => (await answer).json()))) as Json[];
    expect(bodies.map((body) => (body["choices"] as unknown[]).length)).toEqual([1, 2, 1]);
    const started = worker.logLines.filter((line) => line["msg"] === "stream_start");
    expect(started).toHaveLength(3);
    expect(worker.slots().every((slot) => slot.state === "idle")).toBe(true);
  });

  it("gives exactly the requested logprobs", async () => {
    start();
    const request = chat("Hello [eog:3]", { logprobs: true, top_logprobs: 4 });
    const body = (await (await post("/v1/chat/completions", request)).json()) as {
      choices: { logprobs: { content: { token: string; bytes: number[]; top_logprobs: unknown[] }[] } }[];
    };
    const content = body.choices[0]?.logprobs.content ?? [];
    expect(content.map((entry) => entry.top_logprobs.length)).toEqual([4, 4, 4]);
    expect(Buffer.from(content[0]?.bytes ?? []).toString()).toBe(content[0]?.token);
    const { chunks } = await chunksOf(await post("/v1/chat/completions", { ...request, stream: true }));
    const streamed = chunks.flatMap(choicesOf).flatMap((choice) => {
      const shown = choice["logprobs"] as { content: unknown[] } | null;
      return shown?.content ?? [];
    });
    expect(streamed).toEqual(content);
  });

  it("cancelled by its session: 499 when collected, a destroyed connection when streamed", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    const session = { "x-session-id": "s" };
    const first = post("/v1/chat/completions", chat("A"), session);
    await gate.held();
    const second = await post("/v1/chat/completions", chat("B", { stream: true }), session);
    const third = post("/v1/chat/completions", chat("C [eog:1]"), session);
    gate.open();
    const collected = await first;
    expect(collected.status).toBe(499);
    expect(OpenAiErrorSchema.parse(await collected.json()).error.code).toBe("cancelled");
    const streamed = await chunksOf(second);
    expect(streamed).toMatchObject({ done: false, failed: true });
    expect(streamed.chunks.at(-1)).toMatchObject({ error: { code: "cancelled" } });
    expect((await third).status).toBe(200);
  });

  it("has a time limit when collected, and no limit when streamed", async () => {
    const gate = createStepGate();
    const clock = createFakeClock();
    start({ slots: 2, gate, clock });
    const collected = post("/v1/chat/completions", chat("[eog:2]"));
    const streamed = chunksOf(await post("/v1/chat/completions", chat("[eog:2]", { stream: true })));
    await gate.held();
    // The worker's default time limit of collected answers.
    clock.advance(240_000);
    gate.open();
    expect(OpenAiErrorSchema.parse(await (await collected).json()).error.code).toBe("deadline_exceeded");
    expect(await streamed).toMatchObject({ done: true, failed: false });
  });

  it("a collected answer whose client leaves is cancelled", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    const abort = new AbortController();
    const answer = post("/v1/chat/completions", chat("endless"), {}, abort.signal);
    await gate.held();
    const [job] = worker.registry.liveJobs();
    abort.abort();
    gate.open();
    expect((await answer).status).toBe(499);
    await job?.ended.promise;
    expect(job?.state.phase).toMatchObject({ outcome: { type: "cancelled", by: "disconnect" } });
  });
});

describe("tokens", () => {
  it("converts text to tokens and back", async () => {
    start();
    const { tokens } = (await (await post("/tokenize", { content: "Hé" })).json()) as { tokens: number[] };
    expect(tokens).toEqual([...Buffer.from("Hé")]);
    const pieces = (await (await post("/v1/tokenize", { content: "Hé", with_pieces: true })).json()) as Json;
    expect(pieces["tokens"]).toEqual([
      { id: 72, piece: "H" },
      { id: 195, piece: [195] },
      { id: 169, piece: [169] },
    ]);
    expect(await (await post("/detokenize", { tokens })).json()).toEqual({ content: "Hé" });
  });
});
