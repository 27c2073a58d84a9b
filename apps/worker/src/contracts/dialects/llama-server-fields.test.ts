// Tests the fields that llama-server's clients send with a prompt: each works as in llama-server, or is refused by name.
import { createStepGate } from "@waggle/engine/testing";
import type { StepGate } from "@waggle/engine/testing";
import { LlamaServerErrorSchema, llamaServerLimits } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { framesOf } from "../../testing/events.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, post, answerOf, lastWork } = useInlineWorker();

const complete = async (more: Json): Promise<Json> =>
  await answerOf("/completion", { prompt: "a", n_predict: 1, ...more });
const settingsOf = async (more: Json): Promise<Json> => (await complete(more))["generation_settings"] as Json;

async function several(more: Json): Promise<Json[]> {
  return (await complete(more)) as unknown as Json[];
}

async function refusalOf(path: string, body: Json): Promise<string> {
  const response = await post(path, body);
  expect(response.status).toBe(400);
  return LlamaServerErrorSchema.parse(await response.json()).error.message;
}

test("the answer's generation_settings show the settings that were used", async () => {
  start();
  const wishes = { n_probs: 2, n_indent: 4, top_k: -1, repeat_last_n: -1, stop: ["", "x"], t_max_predict_ms: 0 };
  expect(await settingsOf(wishes)).toMatchObject({
    ...{ n_probs: 2, n_indent: 4, top_k: 0, repeat_last_n: 65_536, stop: ["x"], t_max_predict_ms: -1 },
  });
  expect(await settingsOf({ t_max_predict_ms: 5, n_probs: 0 })).toMatchObject({
    ...{ n_probs: 0, n_indent: 0, top_k: 40, stop: [], t_max_predict_ms: 5 },
  });
});

test("max_tokens applies without n_predict", async () => {
  start();
  expect(await answerOf("/completion", { prompt: "a", max_tokens: 2 })).toMatchObject({ tokens_predicted: 2 });
  expect(await complete({ n_predict: 1, max_tokens: 2 })).toMatchObject({ tokens_predicted: 1 });
});

test("a grammar and a json_schema exclude each other, and an empty schema is any object", async () => {
  start();
  const grammar = 'root ::= "a"';
  expect(await refusalOf("/completion", { prompt: "a", grammar, json_schema: {} })).toContain('"json_schema"');
  await complete({ grammar: "", json_schema: { type: "object" } });
  const ofAnyObject = lastWork().sampling.grammar;
  expect(ofAnyObject).toContain("root ::=");
  await complete({ json_schema: {} });
  expect(lastWork().sampling.grammar).toBe(ofAnyObject);
});

test("the infill sampler runs only if the request names it", async () => {
  start();
  const hole = { input_prefix: "a", input_suffix: "b", n_predict: 1 };
  await answerOf("/infill", { ...hole, samplers: ["top_k", "infill"] });
  expect(lastWork().fillIn).toBe(true);
  await answerOf("/infill", hole);
  expect(lastWork().fillIn).toBe(false);
});

describe("several answers", () => {
  test("can be requested with n; n_cmpl has precedence", async () => {
    start({ slots: 4 });
    expect(await several({ n: 2 })).toHaveLength(2);
    expect(await several({ n: 3, n_cmpl: 2 })).toHaveLength(2);
  });

  test("are numbered across all prompts", async () => {
    start({ slots: 4 });
    const answers = await several({ prompt: ["a", "b"], n_cmpl: 2 });
    expect(answers.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  test("cannot be streamed for several prompts", async () => {
    start();
    expect(await refusalOf("/completion", { prompt: ["a", "b"], stream: true })).toContain('"stream"');
  });

  test("count the token that ended them, as a single answer does", async () => {
    start({ slots: 4 });
    const body = { prompt: "a [eog:2]", n_predict: 9 };
    const expected = { tokens_predicted: 3, stop_type: "eos" };
    expect(await complete(body)).toMatchObject(expected);
    expect(await several({ ...body, n_cmpl: 2 })).toMatchObject([expected, expected]);
  });
});

describe("truncated", () => {
  test("is true when the context ended the answer", async () => {
    start({ contextSize: 64 });
    const limit = { stop_type: "limit" };
    expect(await complete({ n_predict: 20 })).toMatchObject({ ...limit, truncated: false });
    expect(await complete({ n_predict: -1 })).toMatchObject({ ...limit, truncated: true });
  });
});

describe("a streamed piece", () => {
  /** Runs passes one by one, and calls `pass` before each pass ends. */
  async function passes(gate: StepGate, count: number, pass: () => void): Promise<void> {
    for (let i = 0; i < count; i++) {
      await gate.held();
      pass();
      gate.step();
    }
  }

  test("has the prompt's length, and from the second token on the answer's speed", async () => {
    const [clock, gate] = [createFakeClock(), createStepGate()];
    start({ slots: 1, clock, gate });
    const body = { prompt: "a bee", n_predict: 3, stream: true, timings_per_token: true };
    const response = await post("/completion", body);
    await passes(gate, 3, () => clock.advance(100));
    const frames = (await framesOf<Json>(response)).slice(0, 3);
    expect(frames.map(({ tokens_evaluated: tokens }) => tokens)).toEqual([3, 3, 3]);
    expect(frames.map(({ timings }) => timings)).toMatchObject([
      { prompt_n: 3, prompt_ms: 100, predicted_n: 1, predicted_ms: 0, predicted_per_second: 0 },
      { prompt_n: 3, prompt_ms: 100, predicted_n: 2, predicted_ms: 100, predicted_per_second: 10 },
      { prompt_n: 3, prompt_ms: 100, predicted_n: 3, predicted_ms: 200, predicted_per_second: 10 },
    ]);
  });
});

describe("seed", () => {
  test("may have 64 bits on both routes", async () => {
    start();
    const seed = 2 ** 63 + 4_096;
    expect(await settingsOf({ seed }), "ours have 32").toMatchObject({ seed: 4_096 });
    await answerOf("/infill", { input_prefix: "a", input_suffix: "b", n_predict: 1, seed });
    expect(await refusalOf("/completion", { prompt: "a", seed: 1.5 })).toContain('"seed"');
  });
});

describe("logit_bias", () => {
  test("takes a string of digits in a list as text, and a key of digits as a token", async () => {
    start();
    const { tokens } = await answerOf("/tokenize", { content: "5" });
    const [five] = tokens as number[];
    expect(await settingsOf({ logit_bias: [["5", false]] })).toMatchObject({
      logit_bias: [{ token: five, bias: -100 }],
    });
    expect(await settingsOf({ logit_bias: { 5: false } })).toMatchObject({ logit_bias: [{ token: 5, bias: -100 }] });
  });

  test("limits the number of texts, but not of tokens", async () => {
    start();
    const texts = Array.from({ length: llamaServerLimits.biasTexts }, (): [string, number] => ["a", 1]);
    const warnings: string[] = [];
    const warned = ({ name }: Error): void => void warnings.push(name);
    process.on("warning", warned);
    expect(await settingsOf({ logit_bias: [...texts, [5, 1]] })).toHaveProperty("logit_bias");
    process.off("warning", warned);
    expect(warnings, "when each text had a listener").not.toContain("MaxListenersExceededWarning");
    const more = [...texts, ["b", 1]];
    expect(await refusalOf("/completion", { prompt: "a", logit_bias: more })).toContain('"logit_bias"');
  });

  test.each([
    [
      "more than 1,024 tokens",
      [...Array.from({ length: 1_023 }, (_, i) => [5_000 + i, 1]), ["ab", 1]],
      '"logit_bias": at most 1024 entries',
    ],
    ["a token of ten digits", [[5_000_000_000, 1]], '"logit_bias.5000000000"'],
  ])("refuses %s", async (_, bias, words) => {
    start();
    expect(await refusalOf("/completion", { prompt: "a", logit_bias: bias })).toContain(words);
  });
});

test("flags of the token routes may be null, which means their default", async () => {
  start();
  const flags = { add_special: null, parse_special: null, with_pieces: null };
  for (const given of [flags, {}]) await answerOf("/tokenize", { content: "a bee", ...given });
  const questions = worker.commands.flatMap((command) => (command.type === "query" ? [command.question] : []));
  const question = { kind: "tokenize", text: "a bee", addSpecial: false, parseSpecial: true, withPieces: false };
  expect(questions).toEqual([question, question]);
  expect(await answerOf("/detokenize", { tokens: [97], ...flags })).toEqual({ content: "a" });
});
