import { expectedFakeText } from "@waggle/engine";
import { createStepGate } from "@waggle/engine/testing";
import type { StepGate } from "@waggle/engine/testing";
import { LlamaServerErrorSchema, PropsSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { alice, bob, forTwoClients } from "../../testing/two-clients.ts";
import { framesOf } from "../../testing/events.ts";
import { jsonOf, useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, post, get } = useInlineWorker();

async function errorOf(response: Response) {
  return LlamaServerErrorSchema.parse(await response.json()).error;
}

/** Resolves after the first pass, when the slots have been reported. */
async function isRunning(gate: StepGate): Promise<void> {
  await gate.held();
  gate.step();
  await gate.held();
}

const greedy = { temperature: 0 };
const wordsOf = (text: string, count: number): string =>
  expectedFakeText({ kind: "text", text }, { ...greedy, seed: 0, ignore_eos: false }, count);

describe("POST /completion", () => {
  test("answers with all fields of llama-server", async () => {
    start();
    const answer = await jsonOf(await post("/completion", { prompt: "a bee", n_predict: 3, seed: 7, ...greedy }));
    expect(answer).toMatchObject({
      index: 0,
      content: wordsOf("a bee", 3),
      tokens: [],
      id_slot: 0,
      stop: true,
      model: "waggle-fake",
      tokens_predicted: 3,
      tokens_evaluated: 3,
      generation_settings: { seed: 7, temperature: 0, n_predict: 3, top_k: 40, stop: [] },
      prompt: "a bee",
      has_new_line: false,
      truncated: false,
      stop_type: "limit",
      stopping_word: "",
      tokens_cached: 5,
      timings: { cache_n: 0, prompt_n: 3, predicted_n: 3 },
    });
    expect(Object.keys(answer["timings"] as Json)).toEqual(
      expect.arrayContaining(["prompt_ms", "prompt_per_token_ms", "prompt_per_second", "predicted_per_token_ms"]),
    );
  });

  test("streams pieces, then a last frame with all other fields, and no [DONE]", async () => {
    start();
    const body = { prompt: "a bee", n_predict: 3, stream: true, timings_per_token: true, ...greedy };
    const response = await post("/completion", body);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const frames = await framesOf<Json>(response);
    const last = frames.pop();
    expect(frames.map(({ content }) => content).join("")).toBe(wordsOf("a bee", 3));
    expect(frames.map(({ stop, tokens_predicted }) => [stop, tokens_predicted])).toEqual([
      [false, 1],
      [false, 2],
      [false, 3],
    ]);
    expect(frames.every(({ tokens, timings }) => (tokens as number[]).length === 1 && timings !== undefined)).toBe(
      true,
    );
    expect(last).toMatchObject({ stop: true, content: "", tokens: [], stop_type: "limit", tokens_predicted: 3 });
  });

  test("return_progress reports the progress of the prompt", async () => {
    start({ slots: 1 });
    const body = { prompt: "the hive ".repeat(200), n_predict: 1, stream: true, return_progress: true, ...greedy };
    const frames = await framesOf<Json>(await post("/completion", body));
    const told = frames.flatMap(({ prompt_progress: progress }) => (progress === undefined ? [] : [progress as Json]));
    const [first, last] = [told[0], told.at(-1)];
    expect(first).toMatchObject({ cache: 0, processed: 0 });
    expect(last?.["processed"]).toBe(last?.["total"]);
    expect(frames.at(-1)).toMatchObject({ stop: true, tokens_evaluated: last?.["total"] });
    const quiet = await framesOf<Json>(await post("/completion", { ...body, return_progress: false }));
    expect(quiet.some((frame) => "prompt_progress" in frame)).toBe(false);
  });

  test("reports why the answer stopped", async () => {
    start();
    const text = "the hive";
    expect(await jsonOf(await post("/completion", { prompt: `${text} [eog:2]` }))).toMatchObject({ stop_type: "eos" });
    const [first = ""] = wordsOf(text, 1).trim().split(" ");
    const stopped = await jsonOf(await post("/completion", { prompt: text, stop: ["", first], ...greedy }));
    expect(stopped).toMatchObject({ content: " ", stop_type: "word", stopping_word: first });
  });

  test("n_predict 0 computes the prompt, and the next request reuses it", async () => {
    start();
    const warmed = await jsonOf(await post("/completion", { prompt: "the bees fly over", n_predict: 0 }));
    expect(warmed).toMatchObject({ content: "", stop: true });
    const answer = await jsonOf(await post("/completion", { prompt: "the bees fly over meadow", n_predict: 1 }));
    expect((answer["timings"] as Json)["cache_n"]).toBeGreaterThan(10);
  });

  test("accepts a prompt of text, tokens, a mixture, an object, and lists of these", async () => {
    start();
    const { tokens } = await jsonOf(await post("/tokenize", { content: "a bee", add_special: true }));
    const wanted = wordsOf("a bee", 2);
    const ask = async (prompt: unknown): Promise<unknown> =>
      await (await post("/completion", { prompt, n_predict: 2, ...greedy })).json();
    expect(await ask(tokens)).toMatchObject({ content: wanted });
    expect(await ask([...(tokens as number[]).slice(0, 2), " bee"])).toMatchObject({ content: wanted });
    expect(await ask({ prompt_string: "a bee" })).toMatchObject({ content: wanted });
    const several = ["a bee", tokens, "the hive"];
    expect(await ask(several)).toMatchObject([
      { index: 0, content: wanted },
      { index: 1, content: wanted },
      { index: 2, content: wordsOf("the hive", 2) },
    ]);
  });

  test("n_cmpl returns a list of answers, each with another seed", async () => {
    start();
    const body = { prompt: "a bee", n_predict: 2, n_cmpl: 2, seed: 5 };
    const answers = (await (await post("/completion", body)).json()) as Json[];
    expect(answers.map(({ index, tokens_predicted }) => [index, tokens_predicted])).toEqual([
      [0, 2],
      [1, 2],
    ]);
    expect(answers.map(({ generation_settings: settings }) => (settings as Json)["seed"])).toEqual([5, 6]);
    const frames = await framesOf<Json>(await post("/completion", { ...body, stream: true }));
    expect(frames.filter(({ stop }) => stop === true).map(({ index }) => index)).toEqual([0, 1]);
  });

  test("response_fields are paths; an empty path selects nothing, and an empty list selects all fields", async () => {
    start();
    const ask = async (fields: string[]): Promise<string> =>
      await (await post("/completion", { prompt: "a bee", n_predict: 1, response_fields: fields, ...greedy })).text();
    const content = JSON.stringify(wordsOf("a bee", 1));
    expect(await ask(["content", "timings/prompt_n", "timings/none", "none/content"])).toBe(
      `{"content":${content},"timings/prompt_n":3}`,
    );
    expect(await ask([""])).toBe("{}");
    expect(JSON.parse(await ask([]))).toHaveProperty("generation_settings");
  });

  test("probabilities contain their tokens, collected and streamed", async () => {
    start();
    const body = { prompt: "a bee", n_predict: 2, n_probs: 3, return_tokens: true, ...greedy };
    const answer = await jsonOf(await post("/completion", body));
    const listed = answer["completion_probabilities"] as { id: number; top_logprobs: Json[] }[];
    expect(listed.map(({ id }) => id)).toEqual(answer["tokens"]);
    expect(listed[0]?.top_logprobs).toHaveLength(3);
    expect(listed[0]?.top_logprobs[0]).toMatchObject({ id: listed[0]?.id, logprob: -0.01 });
    const frames = await framesOf<Json>(await post("/completion", { ...body, stream: true }));
    expect(frames[0]?.["completion_probabilities"]).toEqual(listed.slice(0, 1));
  });

  test("a bias may name its token by text, and false bans it", async () => {
    start();
    const ask = async (bias: unknown): Promise<Json> =>
      await jsonOf(await post("/completion", { prompt: "a bee", n_predict: 1, logit_bias: bias }));
    const of = ({ generation_settings: settings }: Json): unknown => (settings as Json)["logit_bias"];
    const { tokens } = await jsonOf(await post("/tokenize", { content: " bee" }));
    const [bee] = tokens as number[];
    const expected = [{ token: bee, bias: -100 }];
    expect(of(await ask([[" bee", false]]))).toEqual(expected);
    expect(of(await ask([[bee, -1e9]]))).toEqual(expected);
    expect(of(await ask({ " bee": -100 }))).toEqual(expected);
  });

  test("ignore_eos shows its bias of minus infinity for the end token as null", async () => {
    start();
    const biasOf = async (ignore: boolean): Promise<unknown> =>
      (await jsonOf(await post("/completion", { prompt: "a", n_predict: 1, ignore_eos: ignore })))[
        "generation_settings"
      ];
    expect(await biasOf(false)).toMatchObject({ logit_bias: [] });
    const nothing = { token: expect.any(Number) as number, bias: null };
    expect(await biasOf(true)).toMatchObject({ logit_bias: expect.arrayContaining([nothing]) as unknown });
  });

  test("samplers that are not named are off, and the answer lists the samplers that ran", async () => {
    start();
    const body = { prompt: "a bee", n_predict: 1, temperature: 0.3, samplers: ["top-p", "top_k", "typ_p"] };
    const { generation_settings: settings } = await jsonOf(await post("/completion", body));
    expect(settings).toMatchObject({ samplers: ["top_k", "top_p"], temperature: 1, min_p: 0, top_k: 40, top_p: 0.95 });
  });

  test("fields of unsupported samplers are refused by name, unless they turn the sampler off", async () => {
    start();
    const off = { dynatemp_range: 0, typical_p: 1, mirostat: 0, top_n_sigma: -1, lora: [], post_sampling_probs: false };
    await jsonOf(await post("/completion", { prompt: "a", n_predict: 1, ...off }));
    for (const [field, value] of Object.entries({
      dynatemp_range: 0.5,
      typical_p: 0.9,
      mirostat: 2,
      lora: [{ id: 0, scale: 1 }],
    })) {
      const response = await post("/completion", { prompt: "a", n_predict: 1, [field]: value });
      expect(response.status).toBe(400);
      expect(await errorOf(response)).toMatchObject({ code: 400, message: expect.stringContaining(`"${field}"`) });
    }
  });

  test("a request chooses the model's adapters, and only for itself", async () => {
    start({ fake: { adapters: [1] } });
    expect(await jsonOf(await get("/lora-adapters"))).toEqual([{ id: 0, path: "fake-0.gguf", scale: 1 }]);
    const refused = await post("/lora-adapters", [{ id: 0, scale: 0 }]);
    expect([refused.status, (await errorOf(refused)).message]).toEqual([501, expect.stringContaining("field lora")]);
    const say = async (path: string, more: Json): Promise<unknown> => {
      const answer = await jsonOf(
        await post(path, { prompt: "a bee", n_predict: 6, max_tokens: 6, ...greedy, ...more }),
      );
      return answer["content"] ?? (answer["choices"] as Json[])[0]?.["text"];
    };
    const usual = await say("/completion", {});
    expect(await say("/completion", { lora: [{ id: 0, scale: 1 }] })).toBe(usual);
    const without = await say("/completion", { lora: [{ id: 0, scale: 0 }] });
    expect(without).not.toBe(usual);
    expect(await say("/v1/completions", { lora: [] })).toBe(without);
  });

  test("errors are llama-server's, before and after the headers", async () => {
    start({ contextSize: 64 });
    const long = await post("/completion", { prompt: "x".repeat(100), n_predict: 1 });
    expect(long.status).toBe(400);
    expect(await errorOf(long)).toMatchObject({ code: 400, type: "exceed_context_size_error", n_ctx: 64 });
    const image = { prompt: { prompt_string: "a", multimodal_data: ["aa"] }, n_predict: 1 };
    expect((await errorOf(await post("/completion", image))).message).toContain('"prompt');
    const streamed = await post("/completion", { prompt: "a bee [fail:2]", n_predict: 3, stream: true });
    const decoder = new TextDecoder();
    let text = "";
    const read = async (): Promise<void> => {
      for await (const bytes of streamed.body ?? []) text += decoder.decode(bytes, { stream: true });
    };
    await expect(read()).rejects.toThrow("The stream ended with an error.");
    const last = JSON.parse(text.trim().split("\n\n").at(-1)?.replace("data: ", "") ?? "") as unknown;
    expect(LlamaServerErrorSchema.parse(last).error).toMatchObject({ code: 502, type: "engine_error" });
    expect(text).not.toContain('"stop":true');
  });

  test("n_indent ends the answer at a line with less indentation", async () => {
    start();
    const say = `[say:${encodeURIComponent("a\n    b\n  c\n")}]`;
    const answer = await jsonOf(await post("/completion", { prompt: say, n_indent: 4 }));
    expect(answer).toMatchObject({ content: "a\n    b\n  ", stop_type: "limit", has_new_line: true });
  });
});

describe("POST /completions", () => {
  test("answers like llama-server if the body has n_predict, otherwise like OpenAI, errors too", async () => {
    start();
    const ours = await jsonOf(await post("/completions", { prompt: "a bee", n_predict: 2, ...greedy }));
    expect(ours).toMatchObject({ content: wordsOf("a bee", 2), stop: true });
    const theirs = await jsonOf(await post("/completions", { prompt: "a bee", max_tokens: 2, ...greedy }));
    expect(theirs).toMatchObject({ object: "text_completion", choices: [{ text: wordsOf("a bee", 2) }] });
    const refused = await post("/completions", { prompt: "a bee", max_tokens: "2" });
    expect(await refused.json()).toMatchObject({ error: { code: "invalid_argument", param: "max_tokens" } });
  });
});

test("/embedding answers with a bare list, whose vectors are those of OpenAI's route", async () => {
  start({ fake: { kind: "embed" } });
  const { data } = (await jsonOf(await post("/v1/embeddings", { input: ["a bee", "two bees"] }))) as {
    data: { embedding: number[] }[];
  };
  const response = await post("/embedding", { content: ["a bee", "two bees"] });
  const list = await jsonOf(response).catch(() => []);
  expect(list).toEqual(data.map(({ embedding }, index) => ({ index, embedding: [embedding] })));
});

describe("POST /infill", () => {
  const hole = { input_prefix: "a bee", input_suffix: " the hive", n_predict: 4, ...greedy };

  test("fills in, with other files before the prompt", async () => {
    start();
    const plain = await jsonOf(await post("/infill", hole));
    const extra = [{ filename: "x.c", text: "honey" }];
    const more = await jsonOf(await post("/infill", { ...hole, input_extra: extra, prompt: "int " }));
    expect(plain["content"]).not.toBe(more["content"]);
    expect(Number(more["tokens_evaluated"])).toBeGreaterThan(Number(plain["tokens_evaluated"]));
    expect(plain).not.toHaveProperty("prompt");
  });

  test("an extra file without text is refused by name", async () => {
    start();
    const response = await post("/infill", { ...hole, input_extra: [{ filename: "x" }] });
    expect(response.status).toBe(400);
    expect((await errorOf(response)).message).toContain('"input_extra.0.text"');
  });

  /** Requests of llama.vim for a completion, and for warming the cache. */
  const llamaVim = {
    id_slot: 0,
    input_prefix: "int main() {\n",
    input_suffix: "\n}\n",
    input_extra: [{ filename: "a.h", text: "int a();", time: 1 }],
    prompt: "  return ",
    n_predict: 4,
    stop: [],
    n_indent: 0,
    top_k: 40,
    top_p: 0.9,
    samplers: ["top_k", "top_p", "infill"],
    stream: false,
    cache_prompt: true,
    t_max_prompt_ms: 500,
    t_max_predict_ms: 1000,
    response_fields: [
      "content",
      ...["prompt_n", "prompt_ms", "prompt_per_token_ms", "prompt_per_second"].map((name) => `timings/${name}`),
      ...["predicted_n", "predicted_ms", "predicted_per_token_ms", "predicted_per_second"].map(
        (name) => `timings/${name}`,
      ),
      "truncated",
      "tokens_cached",
    ],
  };

  test("llama.vim finds text and flat timings in the raw body", async () => {
    start();
    const text = await (await post("/infill", llamaVim)).text();
    expect(text.startsWith("{")).toBe(true);
    expect(text).toContain('"content":"');
    expect(Object.keys(JSON.parse(text) as Json)).toEqual(llamaVim.response_fields);
    const warmed = await post("/infill", { ...llamaVim, n_predict: 0, prompt: "", response_fields: [""] });
    expect(await warmed.text()).toBe("{}");
  });

  test("llama.vscode gets several completions at once, and reads the context size", async () => {
    start({ slots: 2, contextSize: 2_048 });
    const { response_fields: _, ...body } = llamaVim;
    const answers = (await (await post("/infill", { ...body, n_cmpl: 2, temperature: 0.8 })).json()) as Json[];
    expect(answers.map(({ content }) => typeof content)).toEqual(["string", "string"]);
    const props = await jsonOf(await get("/props?model=x&autoload=false"));
    expect(props["default_generation_settings"]).toMatchObject({ n_ctx: 2_048 });
    const tokens = { content: "a bee", add_special: true, parse_special: true };
    expect(await jsonOf(await post("/tokenize", tokens))).toMatchObject({ tokens: [256, 97, 264] });
    const chat = { messages: [{ role: "user", content: "Hi" }], tools: [], tool_choice: "auto" };
    expect(await jsonOf(await post("/apply-template", chat))).toEqual({ prompt: "user: Hi\nassistant:" });
  });
});

describe("requests of other clients", () => {
  test("Continue's llama.cpp provider reads content from each frame", async () => {
    start();
    const body = {
      ...{ prompt: "a bee", stream: true, n_predict: 3, stop: ["<|end|>"] },
      ...{ frequency_penalty: undefined, top_p: 0.9, temperature: 0, model: "x", keep_alive: 1_800 },
    };
    const frames = await framesOf<Json>(await post("/completion", body, { "content-type": "application/json" }));
    expect(frames.map(({ content }) => content).join("")).toBe(wordsOf("a bee", 3));
  });

  test("promptfoo's llama provider reads content", async () => {
    start();
    const body = {
      ...{ prompt: "a bee", n_predict: 3, temperature: 0, top_k: 40, top_p: 0.95, stop: [], repeat_last_n: 64 },
      ...{ n_keep: 0, tfs_z: 1, typical_p: 1, mirostat: 0, mirostat_tau: 5, mirostat_eta: 0.1, seed: -1 },
      ...{ penalize_nl: true, ignore_eos: false, logit_bias: [], n_probs: 0, slot_id: -1, cache_prompt: false },
    };
    expect((await jsonOf(await post("/completion", body)))["content"]).toBe(wordsOf("a bee", 3));
  });
});

test.each(["/chat/completions/input_tokens", "/v1/chat/completions/input_tokens"])(
  "%s counts the prompt that the same body would have",
  async (path) => {
    start();
    const body = {
      messages: [{ role: "user", content: "Hi" }],
      tools: [{ type: "function", function: { name: "buzz", parameters: { type: "object" } } }],
      max_tokens: 1,
    };
    const { usage } = await jsonOf(await post("/v1/chat/completions", body));
    const { prompt_tokens: counted } = usage as Json;
    expect(await jsonOf(await post(path, body))).toEqual({ object: "response.input_tokens", input_tokens: counted });
    const refused = await post(path, { messages: [] });
    expect(refused.status).toBe(400);
  },
);

describe("the server's reports about itself", () => {
  test("metrics have a header with the process's start; answers have a fingerprint like llama.cpp's", async () => {
    start();
    const started = Number((await get("/metrics")).headers.get("process-start-time-unix"));
    expect(started).toBeGreaterThan(1_600_000_000);
    expect(started).toBeLessThan(10_000_000_000);
    const answer = await jsonOf(await post("/v1/chat/completions", { messages: [{ role: "user", content: "Hi" }] }));
    expect(answer["system_fingerprint"]).toMatch(/^b/);
  });

  test("/props shows the model's file without its folder", async () => {
    start({ slots: 3 });
    const props = PropsSchema.parse(await jsonOf(await get("/props")));
    expect(props).toMatchObject({ model_path: "waggle-fake", is_sleeping: false, total_slots: 3 });
    expect((await post("/props", {})).status).toBe(501);
  });

  test("/health has the fields of llama-server and of Waggle, on both paths", async () => {
    start({ loadLater: true });
    const loading = await get("/health");
    expect(loading.status).toBe(503);
    expect(await loading.json()).toMatchObject({
      error: { code: 503, message: "Loading model", type: "unavailable_error" },
      ready: false,
      state: "loading",
    });
    expect((await get("/props")).status).toBe(503);
    worker.load();
    for (const path of ["/health", "/v1/health"]) {
      expect(await jsonOf(await get(path))).toMatchObject({ status: "ok", ready: true });
    }
  });

  test("/slots shows which slots are busy, and can answer 503 if no slot is free", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate, fake: { batchSize: 16 } });
    const idle = { id: 0, speculative: true, is_processing: false, next_token: [{ has_next_token: false }] };
    expect(await (await get("/slots?fail_on_no_slot=1")).json()).toMatchObject([idle]);
    const answer = post("/completion", { prompt: "x".repeat(40), n_predict: 2 });
    await isRunning(gate);
    const slot = async () => ((await (await get("/slots")).json()) as Json[])[0];
    const busy = { n_ctx: 4_096, is_processing: true };
    expect(await slot()).toMatchObject({ ...busy, next_token: [{ has_next_token: true, n_decoded: 0 }] });
    const nextPass = async (): Promise<Json | undefined> => {
      gate.step();
      await gate.held();
      return await slot();
    };
    // How many passes read the prompt depends on what they cost.
    const decoding = { ...busy, next_token: [{ has_next_token: true, n_decoded: 1, n_remain: 1 }] };
    await expect.poll(nextPass).toMatchObject(decoding);
    const none = await get("/slots?fail_on_no_slot=1");
    expect(none.status).toBe(503);
    expect(await errorOf(none)).toMatchObject({ code: 503, type: "unavailable_error" });
    gate.open();
    await answer;
  });

  test("requests to save, restore or erase slots are refused", async () => {
    start();
    for (const action of ["save", "restore", "erase"]) {
      expect(await errorOf(await post(`/slots/0?action=${action}`, { filename: "/etc/passwd" }))).toMatchObject({
        code: 501,
        type: "not_supported_error",
      });
    }
  });

  test("no client sees another client's prompt, answer or job, also with id_slot", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate, access: forTwoClients });
    const body = { prompt: "the secret of the hive", n_predict: 2, id_slot: 0 };
    const answer = post("/completion", body, alice);
    await isRunning(gate);
    for (const path of ["/slots", "/props", "/health", "/v1/slots"]) {
      const told = await (await get(path, bob)).text();
      expect(told).not.toMatch(/secret|job-|\/work|\/tmp/);
    }
    expect(await (await get("/slots", alice)).text()).toContain('"job_id":"job-');
    gate.open();
    await answer;
    const same = await jsonOf(await post("/completion", body, bob));
    expect(same["timings"]).toMatchObject({ cache_n: 0 });
    expect((await jsonOf(await post("/completion", body, bob)))["timings"]).not.toMatchObject({ cache_n: 0 });
    expect((await get("/slots")).status).toBe(401);
  });
});
