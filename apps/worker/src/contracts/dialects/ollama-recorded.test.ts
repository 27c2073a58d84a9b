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
});

describe("Continue", () => {
  const options = { temperature: 0.5, num_predict: 2_048, num_ctx: 8_192, stop: ["\n\n"] };
  const request = { model, options, keep_alive: 1_800, stream: true };

  test("completes between prefix and suffix", async () => {
    const body = { ...request, prompt: "def f(", suffix: `): pass ${say("a, b")}`, raw: false };
    const told = await lines("/api/generate", body);
    expect(told.map((line) => z.object({ response: z.string() }).parse(line).response).join("")).toBe("a, b");
  });
});

describe("Open WebUI", () => {
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
