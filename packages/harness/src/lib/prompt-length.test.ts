import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isAnswerPath, promptTokens, promptTokensIn } from "./prompt-length.ts";

const asked: { path: string; body: unknown }[] = [];
let answer = { status: 200, body: {} as unknown };
const server = createServer((request, response) => {
  let text = "";
  request.on("data", (part: Buffer) => (text += part.toString()));
  request.once("end", () => {
    asked.push({ path: String(request.url), body: JSON.parse(text) });
    response.writeHead(answer.status).end(JSON.stringify(answer.body));
  });
});
let url = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => server.close());

test("a question asks for as little as its dialect can, and nothing of it is streamed", async () => {
  answer = { status: 200, body: { usage: { prompt_tokens: 12 } } };
  const chat = { model: "m", stream: true, stream_options: { include_usage: true }, max_completion_tokens: 90 };
  expect(await promptTokens(url, "/v1/chat/completions", chat)).toBe(12);
  expect(asked.pop()).toEqual({
    path: "/v1/chat/completions",
    body: { model: "m", stream: false, max_tokens: 1 },
  });
  answer = { status: 200, body: { input_tokens: 7 } };
  expect(await promptTokens(url, "/v1/messages", { model: "m", max_tokens: 100 })).toBe(7);
  expect(asked.pop()).toEqual({ path: "/v1/messages/count_tokens", body: { model: "m", stream: false } });
  answer = { status: 200, body: { prompt_eval_count: 9 } };
  expect(await promptTokens(url, "/api/chat", { options: { num_ctx: 5, num_predict: 80 } })).toBe(9);
  expect(asked.pop()).toEqual({ path: "/api/chat", body: { stream: false, options: { num_ctx: 5, num_predict: 1 } } });
});

test("what the cache had counts as part of the prompt, where a dialect leaves it out", () => {
  const usage = { input_tokens: 4, cache_read_input_tokens: 30, cache_creation_input_tokens: 0 };
  expect(promptTokensIn({ usage })).toBe(34);
  expect(promptTokensIn({ tokens_evaluated: 5 })).toBe(5);
  expect(promptTokensIn({})).toBeNaN();
});

test("a refusal is told in the server's words, and an answer that says nothing of its prompt is no length", async () => {
  answer = { status: 400, body: { error: "no such model" } };
  await expect(promptTokens(url, "/completion", {})).rejects.toThrow(
    'Cannot count a prompt: {"error":"no such model"}',
  );
  answer = { status: 200, body: { content: "" } };
  await expect(promptTokens(url, "/completion", {})).rejects.toThrow("Cannot count a prompt");
});

test("what asks for no answer is told from what does", () => {
  expect(isAnswerPath("/v1/responses")).toBe(true);
  expect(isAnswerPath("/v1/models")).toBe(false);
});
