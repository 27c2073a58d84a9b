// Tests the fields that Ollama's clients send with messages and options: formats, contexts, uploads, downloads.
import { EventEmitter } from "node:events";
import { expectedFakeVector } from "@waggle/engine";
import { OllamaErrorSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, post, answerOf, lastWork, lastConversation } = useInlineWorker();

const brief = { stream: false, options: { num_predict: 1 } };

const answerTo = async (path: string, body: Json) => await answerOf(path, { model: "waggle-fake", ...body });

test("chat accepts its own answers as history, and tool results without an id", async () => {
  start();
  const messages = [
    { role: "System", content: "Be kind." },
    { role: "user", content: "Weather?", images: null },
    { role: "USER" },
    {
      ...{ role: "assistant", content: "I look.", thinking: "Hm." },
      tool_calls: [{ function: { name: "weather", arguments: { city: "Bern", at: { z: 0, y: "ü" } } } }],
    },
    { role: "user", images: [] },
    { role: "tool", tool_name: "weather", content: "sunny [say:Fine]" },
  ];
  const body = await answerTo("/api/chat", { messages, tools: [], think: null, stream: false });
  expect(body).toMatchObject({ message: { content: "Fine" } });
  const called = { name: "weather", arguments: { city: "Bern", at: { z: 0, y: "ü" } } };
  const history = [
    { role: "system", content: "Be kind." },
    { role: "user", content: "Weather?" },
    { role: "user", content: "" },
    {
      ...{ role: "assistant", content: "I look.", reasoning_content: "Hm." },
      tool_calls: [{ id: "call_0", type: "function", function: called }],
    },
    { role: "user", content: "" },
    { role: "tool", content: "sunny [say:Fine]", tool_call_id: "call_0" },
  ];
  expect(lastConversation().messages).toEqual(history);
  expect(JSON.stringify(lastConversation().messages)).toContain(JSON.stringify(called.arguments));
});

describe("format", () => {
  const format = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

  test("json makes the answer any JSON object", async () => {
    start();
    const messages = [{ role: "user", content: "[say:%7B%7D]" }];
    const grammarFor = async (asked: unknown): Promise<string | undefined> => {
      await answerTo("/api/chat", { messages, stream: false, format: asked });
      return lastWork().answerGrammar;
    };
    const grammar = await grammarFor("json");
    expect(grammar).toContain("root ::=");
    expect(grammar).toBe(await grammarFor({ type: "object" }));
    expect(grammar).not.toBe(await grammarFor({}));
  });

  test("also constrains text that is filled in before a suffix", async () => {
    start();
    const body = { ...brief, prompt: "x = ", suffix: "\n" };
    await answerTo("/api/generate", body);
    expect(lastWork().sampling.grammar).toBeUndefined();
    await answerTo("/api/generate", { ...body, format });
    expect(lastWork().prompt).toMatchObject({ kind: "infill", infill: { prefix: "x = ", suffix: "\n" } });
    expect(lastWork().sampling.grammar).toContain("city");
  });
});

test.each(["/api/chat", "/api/generate"])("%s refuses top_logprobs without logprobs", async (path) => {
  start();
  const body = { ...brief, prompt: "a", messages: [{ role: "user", content: "a" }] };
  const refused = await post(path, { model: "waggle-fake", ...body, top_logprobs: 2 });
  expect(refused.status).toBe(400);
  expect(OllamaErrorSchema.parse(await refused.json()).error).toContain('"top_logprobs"');
  expect(await answerTo(path, { ...body, top_logprobs: 0 })).not.toHaveProperty("logprobs");
});

test("the older route cuts a text that is too long to embed", async () => {
  start({ contextSize: 16 });
  const { embedding } = await answerTo("/api/embeddings", { prompt: "x".repeat(50) });
  expect(embedding).toEqual(expectedFakeVector("x".repeat(14)));
});

test("a refused upload ends its connection, so that the file is not read", async () => {
  start();
  let ended = false;
  const socket = { destroySoon: () => void (ended = true) };
  const outgoing = Object.assign(new EventEmitter(), { destroyed: false, socket });
  const init = { method: "POST", body: "{}", headers: { host: "localhost" } };
  expect((await worker.app.request("/api/blobs/sha256:00", init, { outgoing })).status).toBe(501);
  expect(ended).toBe(false);
  outgoing.emit("finish");
  expect(ended).toBe(true);
});
