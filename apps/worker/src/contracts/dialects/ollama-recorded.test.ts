// Tests requests recorded from clients of Ollama that cannot run in a test (Zed, Home Assistant, Continue, Open WebUI, VS Code's Copilot),
// and the fields that these clients require in answers. Each schema is as strict as the client's source.
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { start, post, answerOf, read } = useInlineWorker();
beforeEach(() => void start());

const model = "waggle-fake:latest";

/** Parses each line by itself, as these clients do: an empty line is an error. */
async function lines(path: string, body: unknown): Promise<unknown[]> {
  const response = await post(path, body);
  expect(response.status).toBe(200);
  const text = await response.text();
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

const say = (text: string): string => `[say:${encodeURIComponent(text)}]`;
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tool = { type: "function", function: { name: "weather", description: "The weather.", parameters } };
const calling = (...cities: string[]): string =>
  say(cities.map((city) => `<tool_call>{"name": "weather", "arguments": {"city": "${city}"}}</tool_call>`).join(""));

/** A non-negative integer, as Rust's u64. */
const Count = z.int().nonnegative();

describe("Zed", () => {
  const Details = z.object({
    ...{ format: z.string(), family: z.string(), families: z.array(z.string()).nullish() },
    ...{ parameter_size: z.string(), quantization_level: z.string() },
  });
  const Tags = z.object({
    models: z.array(
      z.object({ name: z.string(), modified_at: z.string(), size: Count, digest: z.string(), details: Details }),
    ),
  });
  const Delta = z.object({
    ...{ model: z.string(), created_at: z.string(), done: z.boolean(), done_reason: z.string().optional() },
    message: z.object({
      ...{ role: z.literal("assistant"), content: z.string(), thinking: z.string().optional() },
      tool_calls: z
        .array(z.object({ id: z.string(), function: z.object({ name: z.string(), arguments: z.unknown() }) }))
        .optional(),
    }),
    ...{ prompt_eval_count: Count.optional(), eval_count: Count.optional() },
  });
  const request = {
    ...{ model, keep_alive: -1, think: null, stream: true },
    options: { num_ctx: 16_384, num_predict: null, stop: [], temperature: 1, top_p: null },
  };

  test("lists models and gets the abilities of each", async () => {
    expect(Tags.parse(await read("/api/tags")).models).toHaveLength(1);
    const Show = z.object({ capabilities: z.array(z.string()) });
    expect(Show.parse(await answerOf("/api/show", { model })).capabilities).toContain("tools");
  });

  test("chats, calls a tool, and sends the tool's result", async () => {
    const messages: unknown[] = [
      { role: "system", content: "You write code." },
      { role: "user", content: calling("Bern") },
    ];
    const told = (await lines("/api/chat", { ...request, messages, tools: [tool] })).map((line) => Delta.parse(line));
    const call = told.flatMap(({ message }) => message.tool_calls ?? [])[0];
    expect(call?.function).toMatchObject({ name: "weather", arguments: { city: "Bern" } });
    const said = {
      role: "assistant",
      content: "",
      tool_calls: [{ id: call?.id, function: call?.function }],
      thinking: null,
    };
    const result = { role: "tool", tool_name: "weather", content: `Rain. ${say("It rains.")}` };
    const next = await lines("/api/chat", { ...request, messages: [...messages, said, result], tools: [tool] });
    expect(next.map((line) => Delta.parse(line).message.content).join("")).toBe("It rains.");
  });

  test("predicts an edit from a raw prompt with fourteen stop strings", async () => {
    const stop = [
      ...["<|endoftext|>", "<|file_separator|>", "<|fim_pad|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"],
      ...["<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<PRE>", "<SUF>", "<MID>", "[PREFIX]", "[SUFFIX]"],
    ];
    const prompt = `<fim_prefix>def f(${say("a, b<MID>c")}<fim_suffix>):<fim_middle>`;
    const options = { num_predict: 64, temperature: 0.2, stop };
    const body = await answerOf("/api/generate", { model, prompt, raw: true, stream: false, options });
    expect(z.object({ response: z.string() }).parse(body).response).toBe("a, b");
  });
});

describe("Home Assistant", () => {
  // The Python client: arguments are a mapping, and only the role is required.
  const Part = z.object({
    message: z.object({
      ...{ role: z.string(), content: z.string().optional(), thinking: z.string().optional() },
      tool_calls: z
        .array(z.object({ function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) }) }))
        .optional(),
    }),
    done: z.boolean(),
  });
  const request = { model, stream: true, options: { num_ctx: 8_192 }, keep_alive: -1, think: false };

  test("controls a device: tools, a result without a call id, an answer", async () => {
    const messages: unknown[] = [
      { role: "system", content: "You control a home." },
      { role: "user", content: calling("Bern", "Rome") },
    ];
    const parts = (await lines("/api/chat", { ...request, messages, tools: [tool] })).map((line) => Part.parse(line));
    const calls = parts.flatMap(({ message }) => message.tool_calls ?? []);
    expect(calls.map((call) => call.function.arguments)).toEqual([{ city: "Bern" }, { city: "Rome" }]);
    const results = ["Rain.", `Sun. ${say("Rain, and sun.")}`].map((content) => ({ role: "tool", content }));
    const said = { role: "assistant", content: null, tool_calls: calls };
    const next = await lines("/api/chat", { ...request, messages: [...messages, said, ...results], tools: [tool] });
    expect(next.map((line) => Part.parse(line).message.content ?? "").join("")).toBe("Rain, and sun.");
  });

  test("generates data for a schema, with a keep_alive in seconds", async () => {
    const body = { ...request, tools: null, keep_alive: "300s", format: parameters };
    const parts = await lines("/api/chat", { ...body, messages: [{ role: "user", content: say('{"city": "Bern"}') }] });
    const text = parts.map((line) => Part.parse(line).message.content ?? "").join("");
    expect(JSON.parse(text)).toEqual({ city: "Bern" });
  });
});

describe("Continue", () => {
  const options = { temperature: 0.5, num_predict: 2_048, num_ctx: 8_192, stop: ["\n\n"] };
  const request = { model, options, keep_alive: 1_800, stream: true };

  test("gets the model's context length and whether it can fill in", async () => {
    const shown = z
      .object({ parameters: z.string(), template: z.string() })
      .parse(await answerOf("/api/show", { name: model }));
    const found = shown.parameters
      .split("\n")
      .map((line) => /^(\S+)\s+((?:".*")|\S+)$/.exec(line) ?? expect.fail(line));
    expect(found.map(([, key, value]) => [key, value])).toContainEqual(["num_ctx", "4096"]);
    expect(shown.template).toContain(".Suffix");
  });

  test("chats: every line has a message, and no line a type", async () => {
    const Line = z.object({
      ...{ message: z.object({ role: z.literal("assistant"), content: z.string() }), type: z.undefined().optional() },
    });
    const said = await lines("/api/chat", {
      ...request,
      think: false,
      messages: [{ role: "user", content: say("Fine.") }],
    });
    expect(said.map((line) => Line.parse(line).message.content).join("")).toBe("Fine.");
  });

  test("completes between prefix and suffix", async () => {
    const body = { ...request, prompt: "def f(", suffix: `): pass ${say("a, b")}`, raw: false };
    const told = await lines("/api/generate", body);
    expect(told.map((line) => z.object({ response: z.string() }).parse(line).response).join("")).toBe("a, b");
  });

  test("embeds chunks of a code base", async () => {
    const input = Array.from({ length: 64 }, (_, i) => `chunk ${i}`);
    const body = await answerOf("/api/embed", { model, input });
    expect(z.object({ embeddings: z.array(z.array(z.number())) }).parse(body).embeddings).toHaveLength(64);
  });
});

describe("Open WebUI", () => {
  test("verifies the connection by a version of numbers", async () => {
    const { version } = z.object({ version: z.string() }).parse(await read("/api/version"));
    const numbers = version.replace(/^v|-.*/g, "").split(".");
    for (const number of numbers) expect(number).toMatch(/^\d+$/);
  });

  test("lists models, and when each model is unloaded", async () => {
    const listed = z.object({ models: z.array(z.object({ model: z.string(), name: z.string() })) });
    const [first] = listed.parse(await read("/api/tags")).models;
    // Python's datetime.fromisoformat before 3.11 requires an offset and at most microseconds.
    const running = z.object({
      models: z.array(z.object({ name: z.string(), expires_at: z.iso.datetime({ offset: true, precision: 0 }) })),
    });
    const [loaded] = running.parse(await read("/api/ps")).models;
    expect(loaded?.name).toBe(first?.name);
    expect(loaded?.expires_at).not.toContain("Z");
  });

  test("shows a chat with tools: an index for each call, and durations above 0", async () => {
    const body = {
      model,
      stream: true,
      options: {},
      messages: [{ role: "user", content: calling("Bern", "Rome") }],
      tools: [tool],
    };
    const told = (await lines("/api/chat", body)) as { message: { tool_calls?: { function: { index: number } }[] } }[];
    const calls = told.flatMap(({ message }) => message.tool_calls ?? []);
    expect(calls.map((call) => call.function.index)).toEqual([0, 1]);
    const numbers = z.object({
      done: z.literal(true),
      eval_count: Count,
      eval_duration: Count,
      prompt_eval_duration: Count,
      total_duration: Count,
    });
    expect(numbers.safeParse(told.at(-1)).error).toBeUndefined();
  });

  test("unloads the model", async () => {
    const response = await post("/api/generate", { model, keep_alive: 0, prompt: "" });
    expect(await response.json()).toMatchObject({ done: true, done_reason: "unload" });
  });
});

describe("VS Code's Copilot", () => {
  test("adds the model: version, tags, show, and a chat in OpenAI's dialect", async () => {
    const { version } = z.object({ version: z.string() }).parse(await read("/api/version"));
    expect(version.localeCompare("0.6.4", "en", { numeric: true })).toBeGreaterThan(0);
    const [listed] = z
      .object({ models: z.array(z.object({ model: z.string() })) })
      .parse(await read("/api/tags")).models;
    const shown = await post("/api/show", { model: listed?.model }, { "user-agent": "GitHubCopilotChat/0.42.0" });
    const { capabilities, model_info: info } = z
      .object({ capabilities: z.array(z.string()), model_info: z.record(z.string(), z.unknown()) })
      .parse(await shown.json());
    expect(capabilities).toContain("tools");
    expect(info[`${String(info["general.architecture"])}.context_length`]).toBe(4_096);
    expect(info["general.basename"]).toBe(listed?.model);
    const body = { model: listed?.model, messages: [{ role: "user", content: say("Fine.") }] };
    expect(await answerOf("/v1/chat/completions", body)).toMatchObject({
      choices: [{ message: { content: "Fine." } }],
    });
  });
});
