// Tests facts that streams contain, with a real model over HTTP: progress of the prompt, and a receipt that clients can verify.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { poll } from "@waggle/testing/harness";
import type { EndEvent, StreamEvent } from "@waggle/protocol";
import { parseSse } from "@waggle/protocol/sse";
import { afterAll, beforeAll, expect, test } from "vitest";
import { killDaemons, spawnModelWorker } from "./support/daemon.ts";

/** Nearly fills the embedded model's context of 512 tokens. */
const longPrompt = "One day a little bee flew over the sunny meadow. ".repeat(20);
let worker: Awaited<ReturnType<typeof spawnModelWorker>>;
beforeAll(async () => {
  // Without decoding slots, a step computes up to four times the budget: 32 prompt tokens. A long prompt takes several steps.
  worker = await spawnModelWorker(["--slots", "1", "--prefill-budget", "8"]);
});
afterAll(killDaemons);

async function collect(request: Parameters<typeof worker.client.inference>[0]): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of worker.client.inference(request)) events.push(event);
  return events;
}

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
const endOf = (events: readonly StreamEvent[]): EndEvent => events.at(-1) as EndEvent;
const textOf = (events: readonly StreamEvent[]): string =>
  events.map((event) => (event.type === "token" ? event.text : "")).join("");

test("a receipt names the text, the model's file and the chat template, and makes the answer repeatable", async () => {
  const modelSha256 = sha256(await readFile(new URL("../models/waggle-tiny-stories.gguf", import.meta.url)));
  await poll("the model's hash", async () => (await worker.client.info()).model_sha256 === modelSha256);
  const messages = [{ role: "user" as const, content: "Who are you?" }];
  const events = await collect({ messages, max_tokens: 30, temperature: 1.2 });
  const { receipt } = endOf(events);
  expect(receipt).toMatchObject({ text_sha256: sha256(textOf(events)), model_sha256: modelSha256 });
  expect(receipt?.template_sha256).toMatch(/^[0-9a-f]{64}$/);

  const { grammar_sha256: _, ...sampling } = receipt?.sampling ?? {};
  const again = await collect({ messages, max_tokens: 30, ...sampling, seed: receipt?.seed ?? -1 });
  expect(endOf(again).receipt).toEqual(receipt);

  const plain = endOf(await collect({ prompt: "Once upon a time", max_tokens: 3 }));
  expect(plain.receipt, "without a template").toMatchObject({ model_sha256: modelSha256, template_sha256: null });
});

test("a stream reports the progress of a long prompt before its first token", async () => {
  const events = await collect({ prompt: `1. ${longPrompt}`, max_tokens: 2 });
  const reports = events.flatMap((event) => (event.type === "status" ? [event.prompt_progress] : [])).filter(Boolean);
  const { prompt_tokens: total } = endOf(events).usage;
  // The first progress is always reported. Later ones follow five times a second, and this model may finish earlier.
  expect(reports[0]).toMatchObject({ total, cached: expect.any(Number) });
  for (const progress of reports) expect(progress?.processed).toBeLessThan(total);
  const types = events.map(({ type }) => type);
  expect(types.lastIndexOf("status")).toBeLessThan(types.indexOf("token"));
});

test("a stream reports where its prompt differs from the cached one", async () => {
  await collect({ prompt: "Once upon a time there was a cat", max_tokens: 2 });
  const events = await collect({ prompt: "Once upon a time there was a dog who ran", max_tokens: 2 });
  expect(events.find(({ type }) => type === "started")).toMatchObject({ differs_at: expect.stringMatching(/^ ?dog/) });
});

test("OpenAI's clients get the same progress fields as from llama-server", async () => {
  const response = await fetch(new URL("/v1/completions", worker.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: `2. ${longPrompt}`, max_tokens: 2, stream: true, return_progress: true }),
  });
  const reports: { total: number; cache: number; processed: number; time_ms: number }[] = [];
  if (response.body === null) throw new Error("No body");
  for await (const { data } of parseSse(response.body)) {
    const chunk = data === "[DONE]" ? {} : (JSON.parse(data) as { prompt_progress?: (typeof reports)[number] });
    if (chunk.prompt_progress !== undefined) reports.push(chunk.prompt_progress);
  }
  const [first, last] = [reports[0], reports.at(-1)];
  expect(first?.processed).toBe(first?.cache);
  expect(last?.processed).toBe(last?.total);
  expect(reports.map(({ processed }) => processed)).toEqual(
    reports.map(({ processed }) => processed).toSorted((a, b) => a - b),
  );
});
