// What llama-server's clients send beside a prompt: each field does what it does there, or is refused by name.
import type { EngineJob } from "@waggle/engine";
import { LlamaServerErrorSchema } from "@waggle/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { createInlineWorker } from "../testing/inline-worker.ts";
import type { InlineWorker, InlineWorkerOptions } from "../testing/inline-worker.ts";

type Json = Record<string, unknown>;

let worker: InlineWorker;
afterEach(() => worker.close());

function start(options: InlineWorkerOptions = {}): void {
  worker = createInlineWorker(options);
}

async function post(path: string, body: Json): Promise<Response> {
  return await worker.app.request(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { host: "localhost" },
  });
}

async function answerOf(path: string, body: Json): Promise<Json> {
  const response = await post(path, body);
  expect(response.status, await response.clone().text()).toBe(200);
  return (await response.json()) as Json;
}

const complete = async (more: Json): Promise<Json> =>
  await answerOf("/completion", { prompt: "a", n_predict: 1, ...more });
const settingsOf = async (more: Json): Promise<Json> => (await complete(more))["generation_settings"] as Json;

async function refusalOf(path: string, body: Json): Promise<string> {
  const response = await post(path, body);
  expect(response.status).toBe(400);
  return LlamaServerErrorSchema.parse(await response.json()).error.message;
}

describe("logit_bias", () => {
  test("in a list a text is text, whatever it says; as a key its digits are a token", async () => {
    start();
    const { tokens } = await answerOf("/tokenize", { content: "5" });
    const [five] = tokens as number[];
    expect(await settingsOf({ logit_bias: [["5", false]] })).toMatchObject({
      logit_bias: [{ token: five, bias: -100 }],
    });
    expect(await settingsOf({ logit_bias: { 5: false } })).toMatchObject({ logit_bias: [{ token: 5, bias: -100 }] });
  });
});
