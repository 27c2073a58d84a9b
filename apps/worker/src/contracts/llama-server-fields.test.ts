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

describe("seed", () => {
  test("may have 64 bits, on both routes", async () => {
    start();
    const seed = 2 ** 63 + 4_096;
    expect(await settingsOf({ seed }), "ours have 32").toMatchObject({ seed: 4_096 });
    await answerOf("/infill", { input_prefix: "a", input_suffix: "b", n_predict: 1, seed });
    expect(await refusalOf("/completion", { prompt: "a", seed: 1.5 })).toContain('"seed"');
  });
});

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

test("flags of the routes about tokens may be null, which is their default", async () => {
  start();
  const flags = { add_special: null, parse_special: null, with_pieces: null };
  for (const given of [flags, {}]) await answerOf("/tokenize", { content: "a bee", ...given });
  const questions = worker.commands.flatMap((command) => (command.type === "query" ? [command.question] : []));
  const question = { kind: "tokenize", text: "a bee", addSpecial: false, parseSpecial: true, withPieces: false };
  expect(questions).toEqual([question, question]);
  expect(await answerOf("/detokenize", { tokens: [97], ...flags })).toEqual({ content: "a" });
});
