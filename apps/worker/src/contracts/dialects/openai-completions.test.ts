import { expectedFakeText } from "@waggle/engine";
import { createStepGate } from "@waggle/engine/testing";
import { OpenAiErrorSchema } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { framesOf } from "../../testing/events.ts";
import { jsonOf, useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

/** The worker's default time limit of a collected answer. */
const collectTimeoutMs = 240_000;

const { worker, start, call, answerOf } = useInlineWorker();

interface Logprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly (number | null)[];
  readonly top_logprobs: readonly (Record<string, number> | null)[];
  readonly text_offset: readonly number[];
}

interface Choice {
  readonly index: number;
  readonly text: string;
  readonly logprobs: Logprobs | null;
  readonly finish_reason: string | null;
}

interface Completion {
  readonly choices: readonly Choice[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

function post(body: Json, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
  return call("POST", "/v1/completions", { temperature: 0, ...body }, headers, signal);
}

const complete = async (body: Json) => (await jsonOf(await post(body))) as unknown as Completion;

const stream = async (body: Json) => await framesOf<Completion>(await post({ ...body, stream: true }), "[DONE]");

function textsOf(chunks: readonly Completion[]): string[] {
  const texts: string[] = [];
  for (const { index, text } of chunks.flatMap(({ choices }) => choices)) texts[index] = (texts[index] ?? "") + text;
  return texts;
}

async function refusal(body: Json): Promise<{ message: string; param: string | null }> {
  const response = await post(body);
  expect(response.status).toBe(400);
  return OpenAiErrorSchema.parse(await response.json()).error;
}

const answerTo = (text: string, seed = 42): string =>
  expectedFakeText({ kind: "text", text }, { temperature: seed === 42 ? 0 : 1, seed, ignore_eos: false }, 100);
const idsOf = (text: string): number[] => [...Buffer.from(text)];

describe("several prompts", () => {
  const prompts = ["One [eog:3]", "Another one [eog:5]", "The third [eog:2]", "The last of all [eog:4]"];

  test("have a choice each, in order, and one usage, collected and streamed", async () => {
    start({ slots: 2 });
    const whole = await complete({ prompt: prompts });
    expect(whole.choices.map(({ text }) => text)).toEqual(prompts.map((prompt) => answerTo(prompt)));
    expect(whole.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(whole.choices.every((choice) => choice.finish_reason === "stop")).toBe(true);
    const alone = await Promise.all(prompts.map((prompt) => complete({ prompt })));
    const promptTokens = alone.reduce((sum, { usage }) => sum + usage.prompt_tokens, 0);
    // Each answer has a token that ends it.
    expect(whole.usage).toMatchObject({ prompt_tokens: promptTokens, completion_tokens: 3 + 5 + 2 + 4 + 4 });

    const chunks = await stream({ prompt: prompts, stream_options: { include_usage: true } });
    expect(textsOf(chunks)).toEqual(whole.choices.map(({ text }) => text));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: promptTokens } });
    const ends = chunks.flatMap(({ choices }) => choices).filter((choice) => choice.finish_reason !== null);
    expect(ends.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  test("with n have all choices of the first prompt first, then all choices of the second prompt", async () => {
    start({ slots: 2 });
    const two = prompts.slice(0, 2);
    const body = { prompt: two, n: 2, temperature: 1, seed: 7 };
    const expected = two.flatMap((prompt) => [answerTo(prompt, 7), answerTo(prompt, 8)]);
    expect((await complete(body)).choices.map(({ text }) => text)).toEqual(expected);
    expect(textsOf(await stream(body))).toEqual(expected);
  });

  test("run one after the other in a session", async () => {
    start({ slots: 4 });
    const response = await post({ prompt: prompts }, { "x-session-id": "s" });
    const { choices } = (await response.json()) as Completion;
    expect(choices.map(({ text }) => text)).toEqual(prompts.map((prompt) => answerTo(prompt)));
    expect(worker.logLines.filter(({ msg }) => msg === "stream_superseded")).toEqual([]);
  });

  test.each([0, 1, 3])(
    "are refused together if prompt %i is too long, streamed before the stream begins",
    async (at) => {
      start({ slots: 1, contextSize: 64 });
      const prompt = prompts.with(at, "x".repeat(64));
      for (const streamed of [false, true]) {
        const refused = await post({ prompt, stream: streamed });
        expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining("length is 64 tokens")]);
      }
      await worker.dispatcher.idle();
      expect(worker.preparedJobs).toBe(0);
    },
  );

  test("end together when their session is deleted", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    const answer = post({ prompt: ["endless", "endless too"] }, { "x-session-id": "s" });
    await gate.held();
    const deleted = call("DELETE", "/v1/sessions/s");
    gate.open();
    expect((await answer).status).toBe(499);
    expect((await deleted).status).toBe(200);
    await worker.dispatcher.idle();
    expect(worker.commands.filter(({ type }) => type === "start")).toHaveLength(1);
  });

  test("have one time limit together", async () => {
    const gate = createStepGate();
    const clock = createFakeClock();
    start({ slots: 1, gate, clock });
    const answer = post({ prompt: ["One [eog:1]", "Another [eog:1]"] });
    await gate.held();
    // Time passes only after the first prefill: after a slow prefill the worker would refuse the later jobs at once.
    gate.step();
    await gate.held();
    clock.advance(collectTimeoutMs - 1);
    while (worker.commands.filter(({ type }) => type === "start").length < 2) {
      gate.step();
      await gate.held();
    }
    clock.advance(1);
    gate.open();
    expect(OpenAiErrorSchema.parse(await (await answer).json()).error.code).toBe("deadline_exceeded");
  });

  test.each([true, false])("end when their client leaves (stream: %s)", async (streamed) => {
    const gate = createStepGate();
    start({ slots: 2, gate });
    const abort = new AbortController();
    const answer = post({ prompt: ["endless", "also", "a third"], stream: streamed }, {}, abort.signal);
    await gate.held();
    const [first] = worker.registry.liveJobs();
    abort.abort();
    if (streamed) await (await answer).body?.cancel();
    gate.open();
    if (!streamed) expect((await answer).status).toBe(499);
    await worker.dispatcher.idle();
    expect(worker.registry.liveCount).toBe(0);
    expect(first?.state.phase).toMatchObject({ outcome: { type: "cancelled", by: "disconnect" } });
  });
});

describe("prompts of tokens", () => {
  test("are passed to the model, one prompt or several", async () => {
    start();
    const [first, second] = [idsOf("Hello [eog:3]"), idsOf("Other [eog:2]")];
    const expected = [first, second].map((ids) =>
      expectedFakeText({ kind: "pieces", pieces: [ids] }, { temperature: 0, seed: 1, ignore_eos: false }, 100),
    );
    const one = await complete({ prompt: first });
    expect(one.choices[0]?.text).toBe(expected[0]);
    expect(one.usage.prompt_tokens).toBe(first.length);
    expect((await complete({ prompt: [first, second] })).choices.map(({ text }) => text)).toEqual(expected);
  });

  test("are refused if a token is unknown", async () => {
    start();
    expect((await refusal({ prompt: [1, 999_999] })).message).toContain("no token 999999");
  });
});

describe("echo", () => {
  test("puts the prompt, of text or of tokens, before the answer, collected and streamed", async () => {
    start();
    for (const prompt of ["Hello [eog:3]", idsOf("Hello [eog:3]")]) {
      const plain = await complete({ prompt });
      const whole = await complete({ prompt, echo: true });
      expect(whole.choices[0]?.text).toBe(`Hello [eog:3]${plain.choices[0]?.text}`);
      expect(textsOf(await stream({ prompt, echo: true }))).toEqual([whole.choices[0]?.text]);
    }
  });

  test("returns only the prompt with max_tokens 0", async () => {
    start();
    const body = { prompt: ["One", "Two"], echo: true, max_tokens: 0 };
    const whole = await complete(body);
    expect(whole.choices.map(({ text, finish_reason }) => [text, finish_reason])).toEqual([
      ["One", "length"],
      ["Two", "length"],
    ]);
    expect(whole.usage.completion_tokens).toBe(0);
    expect(textsOf(await stream(body))).toEqual(["One", "Two"]);
  });

  test.each([1, 0])("returns the prompt's logprobs if the request sets logprobs (max_tokens %i)", async (maxTokens) => {
    start();
    const context = idsOf("Hello");
    const { tokens: continuation, logprobs } = await greedyTokens("Hello", 3);
    const prompt = [...context, ...continuation];
    const body = { prompt, echo: true, max_tokens: maxTokens, logprobs: 1 };
    const [choice] = (await complete(body)).choices;
    const shown = choice?.logprobs as Logprobs;
    expect(shown.tokens).toHaveLength(prompt.length + maxTokens);
    expect(shown.tokens.join("")).toBe(choice?.text);
    expect(shown.token_logprobs[0]).toBeNull();
    expect(shown.top_logprobs[0]).toBeNull();
    const scored = shown.token_logprobs.slice(context.length, prompt.length);
    expect(scored).toEqual(logprobs);
    shown.text_offset.forEach((offset, i) => {
      expect(choice?.text.slice(offset).startsWith(shown.tokens[i] ?? "?")).toBe(true);
    });
    // The greedy token is the most probable one.
    for (let i = context.length; i < prompt.length; i += 1) {
      const best = Object.entries(shown.top_logprobs[i] ?? {}).toSorted(([, a], [, b]) => b - a)[0];
      expect(best?.[0]).toBe(shown.tokens[i]);
    }
    const streamed = (await stream(body)).flatMap(({ choices }) => choices.map((each) => each.logprobs));
    expect(streamed.flatMap((each) => each?.token_logprobs ?? [])).toEqual(shown.token_logprobs);
    expect(streamed.flatMap((each) => each?.text_offset ?? [])).toEqual(shown.text_offset);
  });

  test("returns the same logprobs for a repeated request, which runs again because no job keeps logprobs", async () => {
    start({ limits: { retryGraceMs: 10_000 } });
    const headers = { "idempotency-key": "k", "content-type": "application/json" };
    const body = { prompt: "Hello", echo: true, max_tokens: 1, logprobs: 1 };
    const [first, again] = [await post(body, headers), await post(body, headers)];
    const [{ choices }, { choices: same }] = [
      (await first.json()) as Completion,
      (await again.json()) as Completion,
    ] as const;
    expect(same).toEqual(choices);
    expect(again.headers.get("idempotent-replayed")).toBeNull();
    const plain = { prompt: ["Hello [eog:2]", "Other [eog:2]"] };
    const joined = [await post(plain, { "idempotency-key": "j" })];
    joined.push(await post(plain, { "idempotency-key": "j" }));
    expect(joined[1]?.headers.get("idempotent-replayed")).toBe("true");
    const [whole, replayed] = await Promise.all(joined.map(async (each) => (await each.json()) as Completion));
    expect(whole?.choices.map(({ text }) => text)).toEqual(plain.prompt.map((prompt) => answerTo(prompt)));
    expect(replayed?.choices).toEqual(whole?.choices);
  });

  /** A greedy answer with its logprobs. */
  async function greedyTokens(text: string, count: number): Promise<{ tokens: number[]; logprobs: unknown[] }> {
    const body = { prompt: idsOf(text), max_tokens: count, logprobs: 0 };
    const [choice] = (await complete(body)).choices;
    const { tokens } = await answerOf("/tokenize", { content: choice?.text });
    return { tokens: tokens as number[], logprobs: [...(choice?.logprobs?.token_logprobs ?? [])] };
  }
});

describe("best_of", () => {
  test("returns the n choices of each prompt with the best mean logprob, and counts all tokens", async () => {
    start({ slots: 4 });
    const body = { prompt: ["Hello [eog:4]", "Hello [eog:2]"], temperature: 1, seed: 7 };
    const { choices, usage } = await complete({ ...body, best_of: 4, n: 2 });
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(choices.every(({ logprobs }) => logprobs === null)).toBe(true);
    // The fake model gives all its tokens the same probability, so the answer has the first choices.
    expect(choices.map(({ text }) => text)).toEqual(
      body.prompt.flatMap((prompt) => [answerTo(prompt, 7), answerTo(prompt, 8)]),
    );
    expect(usage.completion_tokens).toBe(4 * 5 + 4 * 3);
  });

  test.each([
    ["less than n", { n: 3, best_of: 2 }],
    ["more than there are slots", { best_of: 9 }],
    ["in a stream", { best_of: 2, stream: true }],
  ])("is refused by name: %s", async (_, more) => {
    start({ slots: 4 });
    expect((await refusal({ prompt: "Hello [eog:2]", ...more })).param).toBe("best_of");
  });
});

describe("suffix", () => {
  test("is passed to the model with the text before it", async () => {
    start();
    const infill = { prefix: "before [eog:3]", suffix: "after", extra: [], prompt: "" };
    const expected = expectedFakeText({ kind: "infill", infill }, { temperature: 0, seed: 1, ignore_eos: false }, 100);
    const { choices } = await complete({ prompt: "before [eog:3]", suffix: "after" });
    expect(choices[0]?.text).toBe(expected);
  });

  test("is refused by name together with a prompt of tokens, or with the prompt's logprobs", async () => {
    start();
    expect((await refusal({ prompt: [1, 2], suffix: "x" })).param).toBe("suffix");
    expect((await refusal({ prompt: "a", suffix: "x", echo: true, logprobs: 1 })).param).toBe("echo");
  });
});

describe("an invalid field is refused with the reason", () => {
  test.each([
    ["no prompts", { prompt: [] }, "prompt", /empty/],
    ["an empty prompt among others", { prompt: ["a", ""] }, "prompt.1", /empty/],
    ["an object as prompt", { prompt: { text: "a" } }, "prompt", /must be a string or a list/],
    ["text among tokens", { prompt: [1, "a"] }, "prompt.1", /must be an integer/],
    ["too many prompts", { prompt: Array(129).fill("a") }, "prompt", /1 to 128 items, not 129/],
    ["a negative length", { prompt: "a", max_tokens: -2 }, "max_tokens", /from 0 to \d+, not -2/],
    ["five stop strings", { prompt: "a", stop: ["a", "b", "c", "d", "e"] }, "stop", /at most 4 stop strings/],
  ])("%s", async (_, body, param, message) => {
    start();
    const error = await refusal(body);
    expect(error.param).toBe(param);
    expect(error.message).toMatch(message);
  });
});

test("max_tokens -1 sets no limit", async () => {
  start();
  expect((await complete({ prompt: "Hello [eog:30]", max_tokens: -1 })).choices[0]).toMatchObject({
    text: answerTo("Hello [eog:30]"),
    finish_reason: "stop",
  });
});
