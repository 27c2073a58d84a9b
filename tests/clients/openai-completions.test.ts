// Tests completions as evaluation tools request them, with a real worker and the embedded model.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { beforeAll, describe, expect, test } from "vitest";
import { usualWorker, type ListeningWorker } from "../support/daemon.ts";

let worker: ListeningWorker;
let client: OpenAI;
beforeAll(async () => {
  worker = await usualWorker();
  client = new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none", maxRetries: 0 });
});

type Json = Record<string, unknown>;

async function post<T>(path: string, body: Json): Promise<T> {
  const response = await fetch(`${worker.url}${path}`, { method: "POST", body: JSON.stringify(body) });
  if (response.status !== 200) throw new Error(await response.text());
  return (await response.json()) as T;
}

async function tokensOf(text: string): Promise<number[]> {
  return (await post<{ tokens: number[] }>("/tokenize", { content: text, add_special: true })).tokens;
}

interface Scored {
  readonly context: readonly number[];
  readonly continuation: readonly number[];
}

/** Gets log probabilities of continuations like lm-evaluation-harness: context and continuation are the prompt, as tokens, with `echo`. */
async function logLikelihoods(scored: readonly Scored[]): Promise<{ sum: number; greedy: boolean; each: number[] }[]> {
  const { choices } = await client.completions.create({
    model: "m",
    prompt: scored.map(({ context, continuation }) => [...context, ...continuation]),
    temperature: 0,
    max_tokens: 1,
    logprobs: 1,
    seed: 1234,
    echo: true,
  });
  return choices
    .toSorted((a, b) => a.index - b.index)
    .map(({ logprobs }, i) => {
      const from = scored[i]?.context.length ?? 0;
      const each = (logprobs?.token_logprobs ?? []).slice(from, -1);
      const tokens = (logprobs?.tokens ?? []).slice(from, -1);
      const best = (logprobs?.top_logprobs ?? [])
        .slice(from, -1)
        .map((top) => Object.entries(top).toSorted(([, a], [, b]) => b - a)[0]?.[0]);
      return { each, sum: each.reduce((a, b) => a + b, 0), greedy: tokens.every((token, j) => token === best[j]) };
    });
}

describe("the log probability of a text", () => {
  test("is the sum of its tokens' logprobs, in any batch", async () => {
    const context = await tokensOf("Once upon a time there was a little girl who");
    // The native stream reports the ids of its tokens.
    const continuation: number[] = [];
    const answerLogprobs: number[] = [];
    const events = worker.client.inference({
      prompt: "Once upon a time there was a little girl who",
      temperature: 0,
      max_tokens: 12,
    });
    for await (const event of events) if (event.type === "token") continuation.push(...(event.ids ?? []));
    const { choices } = await client.completions.create({
      ...{ model: "m", prompt: context, temperature: 0, max_tokens: 12, logprobs: 0 },
    });
    answerLogprobs.push(...(choices[0]?.logprobs?.token_logprobs ?? []));
    expect(answerLogprobs).toHaveLength(continuation.length);

    const unlikely = await tokensOf(" quantum lawyers");
    const [likely, other, alone] = await logLikelihoods([
      { context, continuation },
      { context, continuation: unlikely.slice(1) },
      { context: context.slice(0, 1), continuation: context.slice(1) },
    ]);
    answerLogprobs.forEach((logprob, i) => expect(likely?.each[i]).toBeCloseTo(logprob, 2));
    expect(likely?.sum).toBeCloseTo(
      answerLogprobs.reduce((a, b) => a + b, 0),
      1,
    );
    expect(likely?.greedy).toBe(true);
    expect(other?.greedy).toBe(false);
    expect((other?.sum ?? 0) / (unlikely.length - 1)).toBeLessThan((likely?.sum ?? 0) / continuation.length);
    expect(alone?.each).toHaveLength(context.length - 1);
  });
});

test("promptfoo gets a completion", async () => {
  // All fields that promptfoo's OpenAI completion provider sends. It sends best_of even if the value is 1.
  const answer = await post<{ choices: { text: string }[]; usage: Json }>("/v1/completions", {
    ...{ model: "m", prompt: "Say something about bees.", seed: 0, max_tokens: 16, temperature: 0, top_p: 1 },
    ...{ presence_penalty: 0, frequency_penalty: 0, best_of: 1, stop: ["\n\n\n"] },
  });
  expect(answer.choices[0]?.text.length).toBeGreaterThan(8);
  expect(answer.usage).toMatchObject({ completion_tokens: 16 });
});

describe("the AI SDK's completion models", () => {
  const models = () => [
    createOpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none" }).completion("gpt-3.5-turbo-instruct"),
    createOpenAICompatible({ name: "waggle", baseURL: `${worker.url}/v1` }).completionModel("m"),
  ];

  test("complete a prompt, collected and streamed", async () => {
    for (const model of models()) {
      const whole = await generateText({ model, prompt: "Once upon a time", maxOutputTokens: 12, temperature: 0 });
      expect(whole.text.length).toBeGreaterThan(8);
      expect(whole.usage.outputTokens).toBe(12);
      const stream = streamText({ model, prompt: "Once upon a time", maxOutputTokens: 12, temperature: 0 });
      let text = "";
      for await (const piece of stream.textStream) text += piece;
      expect(text).toBe(whole.text);
      expect(await stream.finishReason).toBe("length");
    }
  });
});

test("a suffix, and llama-server's infill, are refused if the model was not trained for infill", async () => {
  const asked = client.completions.create({ model: "m", prompt: "a", suffix: "b" });
  await expect(asked).rejects.toMatchObject({ status: 400, message: expect.stringContaining("fill in") as string });
  const body = JSON.stringify({ input_prefix: "a", input_suffix: "b" });
  const refused = await fetch(`${worker.url}/infill`, { method: "POST", body });
  expect(await refused.json()).toMatchObject({ error: { code: 501, type: "not_supported_error" } });
});
