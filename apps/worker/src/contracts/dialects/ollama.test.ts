// Contracts of Ollama's dialect: requests and expectations of its clients, on the whole worker with a fake model.
import { expectedFakeText, expectedFakeVector } from "@waggle/engine";
import { createStepGate } from "@waggle/engine/testing";
import {
  OllamaChatAnswerSchema,
  OllamaEmbedAnswerSchema,
  OllamaErrorSchema,
  OllamaGenerateAnswerSchema,
  OllamaRunningSchema,
  OllamaShowSchema,
  OllamaTagsSchema,
} from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, call, get, read, lastWork, lastConversation } = useInlineWorker();

const post = async (path: string, body: Json, headers = {}) =>
  await call("POST", path, { model: "waggle-fake", ...body }, headers);

async function errorOf(response: Response): Promise<[number, string]> {
  const body: unknown = await response.json();
  expect(Object.keys(body as Json)).toEqual(["error"]);
  return [response.status, OllamaErrorSchema.parse(body).error];
}

/** The lines of a stream, each checked with `checkLine`. */
async function linesOf(response: Response): Promise<Json[]> {
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  const text = await response.text();
  expect(text.endsWith("\n")).toBe(true);
  const lines = text.slice(0, -1).split("\n");
  return lines.map((line) => {
    const value = JSON.parse(line) as Json;
    checkLine(value);
    return value;
  });
}

/** A null, a top-level type or an error in an answer makes Ollama's clients stop (dialects.md, section 8). */
function checkLine(line: Json): void {
  expect(JSON.stringify(line)).not.toMatch(/:null[,}]/);
  expect(Object.keys(line)).not.toEqual(expect.arrayContaining(["type"]));
  expect(Object.keys(line)).not.toEqual(expect.arrayContaining(["error"]));
}

const say = (text: string): string => `[say:${encodeURIComponent(text)}]`;
const chat = (content: string, more: Json = {}): Json => ({ messages: [{ role: "user", content }], ...more });
const greedy = { temperature: 0 };
const text = (content: string): string =>
  expectedFakeText(
    { kind: "messages", messages: [{ role: "user", content }] },
    { temperature: 0, seed: 0, ignore_eos: false },
    100,
  );

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", description: "The weather.", parameters } }];
const callOf = (city: string): string => `<tool_call>{"name": "weather", "arguments": {"city": "${city}"}}</tool_call>`;

describe("chat", () => {
  test("streams unless stream is false; only the last line has counts and durations", async () => {
    start();
    const request = chat("Hello [eog:4]", { options: greedy });
    const lines = (await linesOf(await post("/api/chat", request))).map((line) => OllamaChatAnswerSchema.parse(line));
    expect(lines.map(({ message }) => message.content).join("")).toBe(text("Hello [eog:4]"));
    const [last, ...others] = lines.toReversed();
    expect(last).toMatchObject({ done: true, done_reason: "stop", eval_count: 5, message: { content: "" } });
    for (const name of ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] as const) {
      expect(last?.[name]).toBeTypeOf("number");
    }
    for (const line of others) expect(Object.keys(line)).toEqual(["model", "created_at", "message", "done"]);

    const whole = await post("/api/chat", { ...request, stream: false });
    expect(whole.headers.get("content-type")).toContain("application/json");
    const body = (await whole.json()) as Json;
    checkLine(body);
    expect(OllamaChatAnswerSchema.parse(body)).toMatchObject({
      ...{
        model: "waggle-fake",
        done: true,
        done_reason: "stop",
        eval_count: 5,
        prompt_eval_count: last?.prompt_eval_count,
      },
      message: { role: "assistant", content: text("Hello [eog:4]") },
    });
  });

  test("has all calls of an answer in one line; each call has an index and an object of arguments", async () => {
    start();
    const asked = chat(say(`<think>Hm.</think>Look:${callOf("Bern")}${callOf("Rome")}`), { tools, options: greedy });
    const request = { ...asked, logprobs: true };
    const lines = await linesOf(await post("/api/chat", request));
    const messages = lines.map((line) => OllamaChatAnswerSchema.parse(line).message);
    const calling = messages.filter((message) => message.tool_calls !== undefined);
    expect(calling).toHaveLength(1);
    const [message] = calling;
    expect(message?.content).toBe("");
    expect(message?.tool_calls?.map((call) => call.function)).toEqual([
      { index: 0, name: "weather", arguments: { city: "Bern" } },
      { index: 1, name: "weather", arguments: { city: "Rome" } },
    ]);
    expect(new Set(message?.tool_calls?.map(({ id }) => id)).size).toBe(2);
    expect(messages.map((part) => part.content).join("")).toBe("Look:");
    expect(messages.map((part) => part.thinking ?? "").join("")).toBe("Hm.");
    // The logprobs include tokens of calls, which are held back, and tokens whose text is in no part.
    expect(lines.flatMap(({ logprobs = [] }) => logprobs)).toHaveLength((lines.at(-1)?.["eval_count"] as number) - 1);
    const before = lines.findIndex((line) => (line["message"] as Json)["tool_calls"] !== undefined);
    expect(lines.slice(before + 1).map(({ done, done_reason: reason }) => [done, reason])).toEqual([[true, "stop"]]);

    const whole = OllamaChatAnswerSchema.parse(await (await post("/api/chat", { ...request, stream: false })).json());
    expect(whole.message).toMatchObject({
      ...{ content: "Look:", thinking: "Hm." },
      tool_calls: [{ function: { index: 0 } }, { function: { index: 1, arguments: { city: "Rome" } } }],
    });
  });

  test("samples with Ollama's defaults, and with its options by their names", async () => {
    start();
    await (await post("/api/chat", chat("Hi [eog:1]"))).text();
    expect(lastWork().sampling).toMatchObject({
      temperature: 0.8,
      top_k: 40,
      top_p: 0.9,
      min_p: 0,
      repeat_penalty: 1,
    });
    const options = {
      ...{ temperature: 0.5, top_k: 7, top_p: 0.5, min_p: 0.1, repeat_penalty: 1.1, repeat_last_n: -1, seed: 9 },
      ...{ presence_penalty: 1, frequency_penalty: -1, num_predict: 3, stop: ["\n\n", "END"] },
    };
    await (await post("/api/chat", chat("Hi", { options }))).text();
    const { num_predict: maxTokens, stop, ...sampling } = options;
    expect(lastWork()).toMatchObject({ maxTokens, stop, sampling: { ...sampling, repeat_last_n: 4_096 } });
  });

  test.each([0, -1, -2])("has no limit with num_predict %i", async (predict) => {
    start();
    const answer = await post("/api/chat", chat("Hi [eog:1]", { options: { num_predict: predict }, stream: false }));
    expect(await answer.json()).toMatchObject({ done_reason: "stop" });
    expect(lastWork().maxTokens).toBeUndefined();
  });

  test("ignores options for loading, retired options and unknown options", async () => {
    start();
    const options = {
      num_ctx: 1_000_000,
      num_gpu: 99,
      mirostat: 2,
      tfs_z: 0.5,
      low_vram: true,
      numa: false,
      nonsense: [],
    };
    const answer = await post(
      "/api/chat",
      chat("Hi [eog:1]", { options, keep_alive: "1h30m", truncate: true, shift: true }),
    );
    expect((await linesOf(answer)).at(-1)).toMatchObject({ done: true });
  });

  test.each([
    ["options.temperature", { options: { temperature: "hot" } }],
    ["options.num_predict", { options: { num_predict: 1.5 } }],
    ["options.typical_p", { options: { typical_p: 0.5 } }],
    ["keep_alive", { keep_alive: "300" }],
    ["keep_alive", { keep_alive: "-1" }],
    ["think", { think: "very much" }],
    ["format", { format: "yaml" }],
    ["top_logprobs", { logprobs: true, top_logprobs: 21 }],
    ["messages.0.images.0", { messages: [{ role: "user", content: "", images: [7] }] }],
    ["messages.0.role", { messages: [{ role: "robot", content: "" }] }],
  ])("refuses a wrong %s by name", async (field, more) => {
    start();
    const [status, message] = await errorOf(await post("/api/chat", chat("Hi", more)));
    expect(status).toBe(400);
    expect(message).toContain(`"${field}"`);
  });

  test("refuses think for a model that cannot think, with Ollama's message", async () => {
    start();
    const refused = await errorOf(await post("/api/chat", chat("Hi", { think: true })));
    expect(refused).toEqual([400, '"waggle-fake" does not support thinking']);
    expect((await post("/api/chat", chat("Hi [eog:1]", { think: false }))).status).toBe(200);
  });

  test("gives logprobs, streamed and collected", async () => {
    start();
    const request = chat("Hi [eog:3]", { logprobs: true, top_logprobs: 2, options: greedy });
    const lines = (await linesOf(await post("/api/chat", request))).map((line) => OllamaChatAnswerSchema.parse(line));
    const whole = OllamaChatAnswerSchema.parse(await (await post("/api/chat", { ...request, stream: false })).json());
    expect(whole.logprobs?.map(({ top_logprobs: top }) => top.length)).toEqual([2, 2, 2]);
    expect(lines.flatMap(({ logprobs = [] }) => logprobs)).toEqual(whole.logprobs);
    expect(whole.logprobs?.map(({ token }) => token).join("")).toBe(whole.message.content);
  });

  test("ends with an error line when its job is cancelled, or with 499 if collected", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    const session = { "x-session-id": "s" };
    const first = post("/api/chat", chat("A", { stream: false }), session);
    await gate.held();
    const second = await post("/api/chat", chat("B"), session);
    const third = post("/api/chat", chat("C [eog:1]"), session);
    gate.open();
    expect((await errorOf(await first))[0]).toBe(499);
    expect((await lastBefore(second))["error"]).toContain("cancelled");
    expect((await third).status).toBe(200);
  });
});

/** The last line of a stream whose connection is destroyed. */
async function lastBefore(response: Response): Promise<Json> {
  let received = "";
  const decoder = new TextDecoder();
  await expect(
    (async () => {
      for await (const piece of response.body as ReadableStream<Uint8Array>) received += decoder.decode(piece);
    })(),
  ).rejects.toThrow("The stream ended with an error.");
  return JSON.parse(received.trimEnd().split("\n").at(-1) ?? "") as Json;
}

describe("generate", () => {
  test("answers a prompt, streamed and collected", async () => {
    start();
    const request = { prompt: "Hello [eog:4]", options: greedy };
    const lines = await linesOf(await post("/api/generate", request));
    const told = lines.map((line) => OllamaGenerateAnswerSchema.parse(line));
    expect(told.map(({ response }) => response).join("")).toBe(text("Hello [eog:4]"));
    expect(told.at(-1)).toMatchObject({ done: true, done_reason: "stop", eval_count: 5, response: "" });
    const whole = OllamaGenerateAnswerSchema.parse(
      await (await post("/api/generate", { ...request, stream: false })).json(),
    );
    expect(whole).toMatchObject({ response: text("Hello [eog:4]"), done: true, context: told.at(-1)?.context });
  });

  test("continues the conversation of an answer's context", async () => {
    start();
    const first = { prompt: say("Fine."), system: "Be kind.", stream: false };
    const { context } = OllamaGenerateAnswerSchema.parse(await (await post("/api/generate", first)).json());
    await (await post("/api/generate", { prompt: "And now? [eog:1]", context })).text();
    expect(lastConversation().messages).toEqual([
      { role: "system", content: "Be kind." },
      { role: "user", content: say("Fine.") },
      { role: "assistant", content: "Fine." },
      { role: "user", content: "And now? [eog:1]" },
    ]);
    await (await post("/api/generate", { prompt: "[eog:1]", context, system: "Be brief." })).text();
    const systems = lastConversation().messages.filter(({ role }) => role === "system");
    expect(systems).toEqual([{ role: "system", content: "Be brief." }]);
    const [status, message] = await errorOf(await post("/api/generate", { prompt: "a", context: [1, 2, 3] }));
    expect([status, message]).toEqual([400, expect.stringContaining('"context"')]);
  });

  test("passes a raw prompt to the model without a template and a context", async () => {
    start();
    const answer = await post("/api/generate", { prompt: say(callOf("Bern")), raw: true, stream: false });
    const body = OllamaGenerateAnswerSchema.parse(await answer.json());
    expect(body.response).toBe(callOf("Bern"));
    expect(body.context).toBeUndefined();
    expect(lastWork().prompt).toEqual({ kind: "pieces", pieces: [say(callOf("Bern"))] });
  });

  test("constrains a raw answer to a schema", async () => {
    start();
    await (await post("/api/generate", { prompt: say('{"city": "Bern"}'), raw: true, format: parameters })).text();
    expect(lastWork().sampling.grammar).toContain("root ::=");
  });

  test.each([
    ["template", { template: "{{ .Prompt }}" }],
    ["images", { suffix: "}", images: ["aGk="] }],
    ["system", { raw: true, system: "Be kind." }],
    ["context", { raw: true, context: [1] }],
    ["suffix", { raw: true, suffix: "}" }],
    ["system", { suffix: "}", system: "Be kind." }],
  ])("refuses an unsupported field, or two fields that exclude each other: %s", async (field, more) => {
    start();
    const [status, message] = await errorOf(await post("/api/generate", { prompt: "a", ...more }));
    expect([status, message]).toEqual([400, expect.stringContaining(`"${field}"`)]);
  });
});

describe("a request without a prompt", () => {
  test.each([
    ["/api/chat", { messages: [] }, { message: { role: "assistant", content: "" } }],
    ["/api/chat", {}, { message: { role: "assistant", content: "" } }],
    ["/api/generate", { prompt: "" }, { response: "" }],
    ["/api/generate", { keep_alive: -1 }, { response: "" }],
  ])("%s %j answers that the model is loaded, in one object", async (path, body, answer) => {
    start();
    const response = await post(path, body);
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(await response.json()).toMatchObject({ ...answer, done: true, done_reason: "load" });
    expect(worker.commands).toEqual([]);
  });

  test("waits while the model loads", async () => {
    start({ loadLater: true });
    const answer = post("/api/generate", { prompt: "" });
    expect((await errorOf(await post("/api/show", {})))[0]).toBe(503);
    expect(await read("/api/ps")).toEqual({ models: [] });
    worker.load();
    expect(await (await answer).json()).toMatchObject({ done: true, done_reason: "load" });
  });

  test.each([
    ["/api/chat", { messages: [], keep_alive: 0 }],
    ["/api/generate", { prompt: "", keep_alive: 0 }],
    ["/api/generate", { prompt: "", keep_alive: "0s" }],
  ])("%s %j unloads the model, and the next prompt loads it again", async (path, body) => {
    start();
    expect(await (await post(path, body)).json()).toMatchObject({ done: true, done_reason: "unload" });
    expect(await read("/api/ps")).toEqual({ models: [] });
    const answer = await post("/api/generate", { prompt: "once", stream: false });
    expect(await answer.json()).toMatchObject({ done: true });
    expect(worker.host.loads.count).toBe(2);
  });
});

describe("embeddings", () => {
  test("exist for one text, several texts, and no text", async () => {
    start();
    const body = OllamaEmbedAnswerSchema.parse(await (await post("/api/embed", { input: ["a bee", "honey"] })).json());
    expect(body).toMatchObject({ model: "waggle-fake", embeddings: ["a bee", "honey"].map(expectedFakeVector) });
    expect(body.prompt_eval_count).toBeGreaterThan(2);
    const one = await (await post("/api/embed", { input: "a bee" })).json();
    expect(one).toMatchObject({ embeddings: [expectedFakeVector("a bee")] });
    for (const input of ["", [], null]) {
      expect(await (await post("/api/embed", { input })).json()).toMatchObject({ embeddings: [] });
    }
    const old = await (await post("/api/embeddings", { prompt: "a bee" })).json();
    expect(old).toEqual({ embedding: expectedFakeVector("a bee") });
    expect(await (await post("/api/embeddings", { prompt: "" })).json()).toEqual({ embedding: [] });
  });

  test("have length 1 in fewer dimensions, and cannot have more dimensions", async () => {
    start();
    const answer = await post("/api/embed", { input: "a bee", dimensions: 3 });
    const [vector = []] = OllamaEmbedAnswerSchema.parse(await answer.json()).embeddings;
    expect(vector).toHaveLength(3);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    expect((await errorOf(await post("/api/embed", { input: "a", dimensions: 9 })))[1]).toContain('"dimensions"');
  });

  test("cover the beginning of a text that is too long; without truncation there is an error with Ollama's message", async () => {
    start({ contextSize: 16 });
    const input = "x".repeat(50);
    const cut = OllamaEmbedAnswerSchema.parse(await (await post("/api/embed", { input })).json());
    expect(cut).toMatchObject({ embeddings: [expectedFakeVector("x".repeat(14))], prompt_eval_count: 15 });
    const [status, message] = await errorOf(await post("/api/embed", { input, truncate: false }));
    expect([status, message]).toEqual([400, expect.stringContaining("the input length exceeds the context length")]);
  });
});

describe("the model", () => {
  test("is listed with a tag, with all fields that clients read", async () => {
    start();
    const { models } = OllamaTagsSchema.parse(await read("/api/tags"));
    expect(models).toMatchObject([{ name: "waggle-fake:latest", model: "waggle-fake:latest" }]);
    expect(models[0]?.digest).toMatch(/^[0-9a-f]{64}$/);
    const running = OllamaRunningSchema.parse(await read("/api/ps"));
    expect(running.models).toMatchObject([
      { name: "waggle-fake:latest", digest: models[0]?.digest, context_length: 4_096 },
    ]);
    // Python before 3.11 parses neither Z nor nanoseconds.
    expect(running.models[0]?.expires_at).toMatch(/^23\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?\+00:00$/);
  });

  test("is shown with capabilities and facts, by `model` and by `name`, with and without a tag", async () => {
    start();
    for (const key of ["model", "name"]) {
      for (const name of ["waggle-fake", "waggle-fake:latest", "Waggle-Fake"]) {
        const body: unknown = await (await call("POST", "/api/show", { [key]: name })).json();
        checkLine(body as Json);
        const shown = OllamaShowSchema.parse(body);
        expect(shown.capabilities).toEqual(["completion", "tools", "insert", "decision"]);
        const architecture = shown.model_info["general.architecture"];
        expect(shown.model_info[`${architecture}.context_length`]).toBe(4_096);
        expect(shown.model_info["general.basename"]).toBe("waggle-fake");
        // The regexes by which Continue detects fill-in and reads parameters.
        expect(shown.template).toContain(".Suffix");
        for (const line of shown.parameters.split("\n")) expect(line).toMatch(/^(\S+)\s+((?:".*")|\S+)$/);
        expect(shown.parameters).toMatch(/^num_ctx\s+4096$/m);
      }
    }
  });

  test("has a version that clients can compare", async () => {
    start();
    const { version } = (await read("/api/version")) as { version: string };
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(17_006);
    const head = await call("HEAD", "/api/version");
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("can be pulled, because it is present; an absent model cannot be pulled offline", async () => {
    start();
    for (const stream of [true, undefined, null])
      expect(await linesOf(await post("/api/pull", { stream }))).toEqual([{ status: "success" }]);
    const whole = await call("POST", "/api/pull", { name: "waggle-fake:latest", stream: false });
    expect(await whole.json()).toEqual({ status: "success" });
    const refused = await errorOf(await call("POST", "/api/pull", { name: "llama3.2" }));
    expect(refused).toEqual([503, expect.stringMatching(/^Cannot download ollama:llama3.2: the worker is offline/)]);
  });

  test.each([
    ["DELETE", "/api/delete", { name: "waggle-fake" }, 403],
    ["DELETE", "/api/delete", { model: "x" }, 404],
    ["POST", "/api/copy", { source: "x", destination: "y" }, 404],
    ["POST", "/api/create", { model: "y", from: "waggle-fake" }, 501],
    ["POST", "/api/push", { name: "waggle-fake" }, 501],
    ["POST", "/api/blobs/sha256:00", {}, 501],
  ])("is unchanged after %s %s %j", async (method, path, body, status) => {
    start();
    expect((await errorOf(await call(method, path, body)))[0]).toBe(status);
  });

  test("has an additional name after a copy", async () => {
    start();
    expect((await call("POST", "/api/copy", { source: "waggle-fake", destination: "y" })).status).toBe(200);
    expect((await call("POST", "/api/show", { model: "y" })).status).toBe(200);
    expect((await call("POST", "/api/copy", { source: "y", destination: "waggle-fake" })).status).toBe(409);
  });

  test.each(["/api/chat", "/api/generate", "/api/show", "/api/embed", "/api/embeddings"])(
    "is not found under an unknown name at %s",
    async (path) => {
      start();
      const more = { messages: [{ role: "user", content: "a" }], prompt: "a", input: "a" };
      expect(await errorOf(await post(path, { ...more, model: "llama3.2" }))).toEqual([
        404,
        "model 'llama3.2' not found",
      ]);
      expect((await errorOf(await call("POST", path, more)))[1]).toContain('"model"');
    },
  );
});

describe("an unknown route or model", () => {
  test("gets a 404 in Ollama's shape", async () => {
    start();
    expect(await errorOf(await get("/api/me"))).toEqual([404, "Cannot GET /api/me: no such route."]);
    expect((await call("HEAD", "/api/blobs/sha256:00")).status).not.toBe(200);
  });
});
