// Tests fields of OpenAI's text completions other than the texts: positions, progress, bounds and defaults.
import { createStepGate } from "@waggle/engine/testing";
import { OpenAiErrorSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { framesOf } from "../../testing/events.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, post, answerOf, lastWork } = useInlineWorker();

interface Answer {
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly logprobs: { readonly text_offset: number[] } | null;
  }[];
  readonly timings?: Json;
  readonly prompt_progress?: Json;
}

const completions = "/v1/completions";
const complete = async (body: Json) => (await answerOf(completions, body)) as unknown as Answer;

const stream = async (body: Json) =>
  await framesOf<Answer>(await post(completions, { ...body, stream: true }), "[DONE]");

/** The text offsets of the first choice, then of the second, and so on. */
const offsetsOf = (answers: readonly Answer[]): number[] =>
  answers
    .flatMap(({ choices }) => choices)
    .toSorted((a, b) => a.index - b.index)
    .flatMap(({ logprobs }) => logprobs?.text_offset ?? []);

describe("text_offset", () => {
  test("is the start of the character for each token within a character, collected and streamed", async () => {
    start();
    const body = { prompt: "日本 a", echo: true, logprobs: 1, max_tokens: 1, temperature: 0, n: 2 };
    const whole = await complete(body);
    // The first token is the BOS token. The model adds this token, which has no text.
    const offsets = [0, ...[0, 0, 0], ...[1, 1, 1], 2, 4];
    expect(offsetsOf([whole])).toEqual([...offsets, ...offsets]);
    expect(offsetsOf(await stream(body))).toEqual(offsetsOf([whole]));
  });
});

describe("several prompts", () => {
  test("run at the same time only if all their choices have slots", async () => {
    const gate = createStepGate();
    start({ slots: 4, gate });
    const answer = complete({ prompt: ["One [eog:1]", "Two [eog:1]", "Three [eog:1]", "Four [eog:1]"], n: 2 });
    await gate.held();
    // The last prompt is accepted while the first prompt is computed.
    await expect.poll(() => worker.dispatcher.running === 4).toBe(true);
    expect([worker.dispatcher.running, worker.dispatcher.waiting]).toEqual([4, 0]);
    gate.open();
    expect((await answer).choices).toHaveLength(8);
  });

  test("report no progress, unlike a single prompt", async () => {
    start();
    const prompt = `${"x".repeat(1_500)}[eog:1]`;
    const told = async (body: Json): Promise<number> =>
      (await stream({ ...body, return_progress: true })).filter((chunk) => chunk.prompt_progress !== undefined).length;
    expect(await told({ prompt })).toBeGreaterThan(0);
    expect(await told({ prompt: [prompt, prompt] })).toBe(0);
  });

  test("have a common limit on the logprobs of their prompts", async () => {
    start();
    const body = { echo: true, max_tokens: 0, logprobs: 20 };
    // Each prompt has about 63,000 logprobs, including alternatives.
    const prompts = ["a", "b"].map((letter) => letter.repeat(3_000));
    expect((await post(completions, { ...body, prompt: prompts[0] })).status).toBe(200);
    const refused = await post(completions, { ...body, prompt: prompts });
    expect(refused.status).toBe(400);
    const { message, param } = OpenAiErrorSchema.parse(await refused.json()).error;
    expect([message, param]).toEqual([expect.stringContaining("more than 100000"), "logprobs"]);
  });
});

test("only the last chunks of a stream have timings", async () => {
  start();
  const chunks = await stream({ prompt: "Hello [eog:3]", stream_options: { include_usage: true } });
  const places = chunks.flatMap(({ timings }, index) => (timings === undefined ? [] : [index - chunks.length]));
  expect(places).toEqual([-2, -1]);
  expect(chunks.at(-2)?.timings).toMatchObject({ predicted_n: 4, cache_n: 0 });
  const without = await stream({ prompt: "Hello [eog:3]" });
  expect(without.at(-1)?.timings).toMatchObject({ predicted_n: 4 });
});

describe("the job that the engine gets", () => {
  test("has the text of the prompt, without control tokens", async () => {
    start();
    await complete({ prompt: "<|x|>", max_tokens: 1 });
    expect(lastWork().prompt).toEqual({ kind: "text", text: "<|x|>" });
  });

  test.each(["/v1/completions", "/v1/chat/completions"])(
    "has OpenAI's defaults when it comes from %s",
    async (path) => {
      start();
      const body = { prompt: "a", messages: [{ role: "user", content: "a" }], max_tokens: 1 };
      await post(path, body);
      expect(lastWork().sampling).toMatchObject({ temperature: 1, top_p: 1 });
      await post(path, { ...body, temperature: 0, top_p: 0.5 });
      expect(lastWork().sampling).toMatchObject({ temperature: 0, top_p: 0.5 });
    },
  );

  test("has each parameter under its name", async () => {
    start();
    const fields = {
      ...{ temperature: 0.9, seed: 4, top_k: 3, top_p: 0.5, min_p: 0.1, logit_bias: { "104": 5 }, ignore_eos: true },
      ...{ presence_penalty: 1, frequency_penalty: -1, repeat_penalty: 1.5 },
    };
    await complete({ prompt: "a", max_tokens: 2, stop: ["END"], ...fields });
    expect(lastWork()).toMatchObject({ maxTokens: 2, stop: ["END"], sampling: fields });
    await complete({ prompt: "a", max_tokens: 1, grammar: 'root ::= "yes"' });
    expect(lastWork().sampling.grammar).toBe('root ::= "yes"');
  });
});
