// Tests the fields that OpenAI's clients send with messages and sampling: each is honoured, ignored because it does not affect the answer,
// or refused by name.
import { genericFormat } from "@waggle/chat-format/format";
import { OpenAiErrorSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { framesOf } from "../../testing/events.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, post, answerOf, lastWork, lastConversation } = useInlineWorker();

interface Choice {
  readonly message: Json;
  readonly delta: Json;
  readonly finish_reason: string | null;
  readonly logprobs?: { readonly content: readonly unknown[] } | null;
}

const chatPath = "/v1/chat/completions";

/** The fake answers with the text in the last message. */
const asking = (say: string, more: Json = {}): Json => ({
  messages: [{ role: "user", content: `[say:${encodeURIComponent(say)}]` }],
  temperature: 0,
  ...more,
});

async function choiceOf(body: Json, headers?: Record<string, string>): Promise<Choice> {
  const { choices } = (await answerOf(chatPath, body, headers)) as unknown as { choices: Choice[] };
  return choices[0] as Choice;
}

async function streamed(body: Json, headers?: Record<string, string>): Promise<Choice[]> {
  const response = await post(chatPath, { ...body, stream: true }, headers);
  return (await framesOf<{ choices: Choice[] }>(response, "[DONE]")).flatMap(({ choices }) => choices);
}

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "weather", parameters };
const tools = [weather, { name: "news", parameters: { type: "object" } }].map((about) => ({
  type: "function",
  function: about,
}));
const calling = '<think>Hm.</think>Look:\n<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>';
const call = { name: "weather", arguments: '{"city": "Bern"}' };

describe("functions, the older form of tools", () => {
  const functions = [weather];

  test("are called in the field function_call, collected and streamed", async () => {
    start();
    const body = asking(calling, { functions, function_call: "auto" });
    const whole = await choiceOf(body);
    expect(whole).toMatchObject({ message: { content: "Look:", function_call: call }, finish_reason: "function_call" });
    expect(whole.message).not.toHaveProperty("tool_calls");
    const choices = await streamed(body);
    const pieces = choices.flatMap(({ delta }) => (delta["function_call"] as Partial<typeof call> | undefined) ?? []);
    expect(pieces[0]).toEqual({ name: "weather", arguments: "" });
    expect(pieces.map((piece) => piece.arguments).join("")).toBe(call.arguments);
    expect(choices.at(-1)?.finish_reason).toBe("function_call");
    expect(choices.some(({ delta }) => "tool_calls" in delta)).toBe(false);
  });

  test("may have calls and results in the history", async () => {
    start();
    const messages = [
      { role: "user", content: "Weather?" },
      { role: "assistant", content: null, function_call: call },
      { role: "function", name: "weather", content: null },
      { role: "assistant", content: null, function_call: call },
      { role: "function", name: "weather", content: "sunny [say:Fine]" },
    ];
    expect((await choiceOf({ messages, functions })).message["content"]).toBe("Fine");
    const [, ...turns] = lastConversation().messages;
    const given = { name: "weather", arguments: { city: "Bern" } };
    const turn = (id: string, content: string) => [
      { role: "assistant", content: "", tool_calls: [{ id, type: "function", function: given }] },
      { role: "tool", content, tool_call_id: id },
    ];
    expect(turns).toEqual([...turn("call_1", ""), ...turn("call_2", "sunny [say:Fine]")]);
  });

  test.each([
    ["by default", undefined, undefined],
    ["with none", "none", "none"],
    ["by name", { name: "weather" }, { type: "function", function: { name: "weather" } }],
  ])("are chosen %s like tools, but one at a time", async (_, choice, toolChoice) => {
    start();
    await choiceOf(asking("Fine", { functions, function_call: choice }));
    const asFunctions = { ...lastConversation(), ...lastWork() };
    const asTools = functions.map((about) => ({ type: "function", function: about }));
    await choiceOf(asking("Fine", { tools: asTools, tool_choice: toolChoice, parallel_tool_calls: false }));
    expect(lastConversation().tools).toEqual(asFunctions.tools);
    expect(lastWork().answerGrammar).toEqual(asFunctions.answerGrammar);
  });
});

describe("allowed_tools", () => {
  const allowing = (mode: string, ...names: string[]): Json => ({
    tools,
    tool_choice: {
      type: "allowed_tools",
      allowed_tools: { mode, tools: names.map((name) => ({ type: "function", function: { name } })) },
    },
  });

  test("leaves all tools in the prompt, and allows calls of the listed tools only", async () => {
    start();
    expect(await choiceOf(asking(calling, allowing("auto", "weather")))).toMatchObject({ finish_reason: "tool_calls" });
    const { tools: offered = [] } = lastConversation();
    const { answerGrammar } = lastWork();
    expect(offered.map((tool) => tool.function.name)).toEqual(["weather", "news"]);
    expect(answerGrammar).toContain("weather");
    expect(answerGrammar).not.toContain("news");
  });

  test("refuses unknown tools, and keeps the grammar with ignore_eos", async () => {
    start();
    expect((await refusal(asking("", allowing("required", "weather", "nobody")))).message).toContain('"nobody"');
    // A real engine refuses a grammar together with ignore_eos. If the worker dropped the grammar, the model could call every tool.
    await choiceOf(asking("Fine", { ...allowing("auto", "weather"), ignore_eos: true, max_tokens: 8 }));
    expect(lastWork().answerGrammar).toBeDefined();
  });
});

describe("reasoning", () => {
  test("is in the one field that the client reads", async () => {
    start();
    for (const [agent, name, other] of [
      ["OpenAI/JS 6.1.0", "reasoning_content", "reasoning"],
      ["Agents/JavaScript 0.14.1", "reasoning", "reasoning_content"],
    ] as const) {
      const body = asking(calling, { tools });
      const { message } = await choiceOf(body, { "user-agent": agent });
      expect(message).toMatchObject({ [name]: "Hm." });
      expect(message).not.toHaveProperty(other);
      const deltas = (await streamed(body, { "user-agent": agent })).map(({ delta }) => delta);
      expect(deltas.map((delta) => (delta[name] as string | undefined) ?? "").join("")).toBe("Hm.");
      expect(deltas.some((delta) => other in delta)).toBe(false);
    }
  });

  test("is read from both fields of a message in the history", async () => {
    start();
    const history = (more: Json) => [
      { role: "user", content: "Hello" },
      { role: "assistant", content: "Hi", ...more },
      { role: "user", content: "[say:Fine]" },
    ];
    for (const more of [{ reasoning: "Hm." }, { reasoning_content: "Hm.", reasoning: "Hm." }]) {
      await choiceOf({ messages: history(more) });
      expect(lastConversation().messages[1]?.reasoning_content).toBe("Hm.");
    }
  });
});

describe("a stream's pieces", () => {
  test("all have finish_reason; the first piece of a call has its id, name and arguments", async () => {
    start();
    const choices = await streamed(asking(calling, { tools, logprobs: true }));
    // Tokens whose text is in no part have logprobs too.
    const logprobs = choices.flatMap((choice) => choice.logprobs?.content ?? []);
    expect(logprobs).toHaveLength(Buffer.byteLength(calling));
    expect(choices.slice(0, -1).every((choice) => choice.finish_reason === null)).toBe(true);
    const [first] = choices.flatMap(({ delta }) => (delta["tool_calls"] as Json[] | undefined) ?? []);
    expect(first).toEqual({
      index: 0,
      id: expect.stringMatching(/^call_\w+$/) as string,
      type: "function",
      function: { name: "weather", arguments: "" },
    });
  });
});

describe("a message reaches the engine", () => {
  test.each([
    ["with a name", { role: "user", name: "Ann", content: "Hi" }, { role: "user", content: "Hi" }],
    ["of a developer", { role: "developer", content: "Hi" }, { role: "system", content: "Hi" }],
    [
      "of an assistant in parts, including a refusal",
      {
        role: "assistant",
        content: [
          { type: "text", text: "No. " },
          { type: "refusal", refusal: "I will not." },
        ],
      },
      { role: "assistant", content: "No. I will not." },
    ],
    ["with a refusal", { role: "assistant", content: null, refusal: "No." }, { role: "assistant", content: "No." }],
    ["without content", { role: "assistant" }, { role: "assistant", content: "" }],
    [
      "with a tool's result in parts",
      { role: "tool", tool_call_id: "c", content: [{ type: "text", text: "1" }] },
      { role: "tool", tool_call_id: "c", content: "1" },
    ],
  ])("%s", async (_, message, given) => {
    start();
    await choiceOf({ messages: [message, { role: "user", content: "[say:Fine]" }] });
    expect(lastConversation().messages[0]).toEqual(given);
  });
});

test("max_completion_tokens has precedence over max_tokens", async () => {
  start();
  await choiceOf(asking("Fine", { max_completion_tokens: 2, max_tokens: 3 }));
  expect(lastWork().maxTokens).toBe(2);
});

test("a call that the model does not complete ends with finish_reason length, collected and streamed", async () => {
  start();
  const cut = calling.slice(0, calling.indexOf('"Bern'));
  const { message, finish_reason: reason } = await choiceOf(asking(cut, { tools }));
  expect([message["tool_calls"], reason]).toMatchObject([[{ function: { name: "weather" } }], "length"]);
  expect((await streamed(asking(cut, { tools }))).at(-1)?.finish_reason).toBe("length");
});

test.each([
  [{}, undefined],
  [{ guesses: null }, undefined],
  [{ guesses: true }, true],
  [{ guesses: false }, false],
])("%j reaches the engine as guesses: %j", async (given, guesses) => {
  start();
  await choiceOf(asking("Fine", given));
  expect(lastWork().guesses).toBe(guesses);
});

test("a budget of thoughts reaches the engine if the model thinks", async () => {
  const chatFormat = { ...genericFormat, abilities: { ...genericFormat.abilities, thinking: "always" } } as const;
  start({ fake: { chatFormat } });
  await choiceOf(asking("Fine", { thinking_budget_tokens: 5 }));
  expect(lastWork().thinkingBudget).toBe(5);
});

test("fields that do not affect the answer are ignored", async () => {
  start();
  const { message } = await choiceOf(
    asking("Fine", {
      prediction: { type: "content", content: "Fine" },
      store: true,
      metadata: { a: "b" },
      service_tier: "flex",
      safety_identifier: "x",
      prompt_cache_key: "y",
      user: "z",
      modalities: ["text"],
      verbosity: "medium",
      max_tokens: -1,
      max_completion_tokens: null,
      functions: null,
      audio: null,
    }),
  );
  expect(message["content"]).toBe("Fine");
});

describe("an unsupported or invalid field is refused by name, with the reason", () => {
  const named = (name: string): Json => ({ type: "function", function: { name } });
  const madeCall = { id: "c", type: "function", function: call };
  const part = (type: string, more: Json): Json => ({
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "What is it?" },
          { type, ...more },
        ],
      },
    ],
  });

  test.each<[string, Json, string | null, RegExp]>([
    [
      "an image without its URL",
      part("image_url", { image_url: {} }),
      "messages.0.content.1",
      /send the picture as a data: URL/,
    ],
    ["a sound", part("input_audio", { input_audio: {} }), "messages.0.content.1.type", /"input_audio" cannot be read/],
    ["a file", part("file", { file: {} }), "messages.0.content.1.file", /document cannot be read; send its text/],
    ["a part without its text", part("text", {}), "messages.0.content.1.text", /must be a text/],
    ["an unknown role", { messages: [{ role: "critic", content: "" }] }, "messages.0.role", /"user"/],
    [
      "content that is no text",
      { messages: [{ role: "user", content: 7 }] },
      "messages.0.content",
      /must be a string or a list/,
    ],
    ["sound to answer in", { modalities: ["text", "audio"] }, "modalities.1", /answers in text/],
    ["a voice", { audio: { voice: "ash", format: "wav" } }, "audio", /answers in text/],
    ["a search", { web_search_options: {} }, "web_search_options", /searches no web/],
    ["few words", { verbosity: "low" }, "verbosity", /does not read it/],
    ["five stops", { stop: ["a", "b", "c", "d", "e"] }, "stop", /at most 4 stop strings/],
    ["a custom tool", { tools: [{ type: "custom", custom: { name: "x" } }] }, "tools.0.type", /type function/],
    ["a custom choice", { tools, tool_choice: { type: "custom" } }, "tool_choice.type", /"function"/],
    ["an odd choice", { tools, tool_choice: "maybe" }, "tool_choice", /must be one of "none", "auto", "required"/],
    ["functions and tools", { tools, functions: [weather] }, "functions", /tools as well/],
    ["a choice without functions", { function_call: { name: "x" } }, "function_call", /no functions/],
    ["an odd bias", { logit_bias: { the: 1 } }, "logit_bias.the", /token ids/],
    ["too many biases", { logit_bias: { ...Array(1_025).fill(1) } }, "logit_bias", /at most 1024 entries/],
    ["no length at all", { max_tokens: 0 }, "max_tokens", /from 1 to \d+, not 0/],
    ["a choice without tools", { tool_choice: "required" }, "tool_choice", /no tools to choose from/],
    ["a tool that is not there", { tools, tool_choice: named("sing") }, "tool_choice", /no tool "sing"/],
    ["two tools of a name", { tools: [...tools, ...tools] }, "tools", /same name/],
    [
      "a grammar with a required call",
      { tools, tool_choice: "required", grammar: 'root ::= "a"' },
      "grammar",
      /a required tool call already uses a grammar/,
    ],
    [
      "a grammar with a schema",
      { grammar: 'root ::= "a"', response_format: { type: "json_object" } },
      "grammar",
      /already sets a grammar/,
    ],
    ["a budget of thoughts that never come", { thinking_budget_tokens: 5 }, "thinking_budget_tokens", /does not think/],
    ["to continue a user", { continue_final_message: true }, "continue_final_message", /is not the assistant's/],
    [
      "to continue after calls",
      { continue_final_message: true, messages: [{ role: "assistant", content: "So", tool_calls: [madeCall] }] },
      "continue_final_message",
      /ends with tool calls/,
    ],
    ["no answer to begin", { add_generation_prompt: false }, "add_generation_prompt", /needs continue_final_message/],
    [
      "to begin an answer and to continue one",
      { add_generation_prompt: true, continue_final_message: true, messages: [{ role: "assistant", content: "So" }] },
      "add_generation_prompt",
      /contradicts continue_final_message/,
    ],
  ])("%s", async (_, more, param, message) => {
    start();
    const error = await refusal({ messages: [{ role: "user", content: "Hi" }], ...more });
    expect(error.message).toMatch(message);
    expect(error.param).toBe(param);
  });
});

async function refusal(body: Json, path = chatPath): Promise<{ message: string; param: string | null }> {
  const response = await post(path, body);
  expect([response.status, response.headers.get("x-should-retry")]).toEqual([400, "false"]);
  const { error } = OpenAiErrorSchema.parse(await response.json());
  expect(error).toMatchObject({ type: "invalid_request_error", code: "invalid_argument" });
  return error;
}

describe("vLLM's guided decoding", () => {
  test("constrains the answer to guided_json, as response_format does", async () => {
    start();
    const text = '{"city": "Bern"}';
    await choiceOf(asking(text, { response_format: { type: "json_schema", json_schema: { schema: parameters } } }));
    const { answerGrammar } = lastWork();
    expect(answerGrammar).toContain("city");
    expect((await choiceOf(asking(text, { guided_json: parameters }))).message["content"]).toBe(text);
    expect(lastWork().answerGrammar).toEqual(answerGrammar);
  });

  test.each([
    ["guided_json", { guided_json: parameters, response_format: { type: "json_object" } }],
    ["guided_regex", { guided_regex: "[a-z]+" }],
    ["guided_choice", { guided_choice: ["yes", "no"] }],
    ["guided_grammar", { guided_grammar: "root ::= x" }],
    ["structured_outputs", { structured_outputs: { choice: ["yes", "no"] } }],
  ])("refuses an unsupported field by name: %s", async (field, more) => {
    start();
    expect((await refusal(asking("a", more))).param).toBe(field);
  });

  test("refuses guided_json in text completions", async () => {
    start();
    const body = { prompt: "a", guided_json: parameters };
    expect((await refusal(body, "/v1/completions")).param).toBe("guided_json");
  });
});

const prompt = "Hi [eog:1]";
const list = { properties: { "a\n b": { type: "array", uniqueItems: true }, c: { not: {} } } };
const place = "#/properties/a__b/uniqueItems";
const chatTool = { type: "function", function: { name: "f", parameters: list } };
const messages = [{ role: "user", content: prompt }];
test.each([
  [chatPath, asking(prompt, { store: true }), "store"],
  [chatPath, asking(prompt, { stream: true, temperatur: 1, odd: 0 }), "temperatur (did you mean temperature?), odd"],
  [chatPath, asking(prompt, { store: false, metadata: { a: "b" }, "a\nb": 1, service_tier: "auto", odd: null }), null],
  ["/v1/completions", { prompt, max_token: 3 }, "max_token (did you mean max_tokens?)"],
  ["/completions", { prompt, store: true }, "store"],
  ["/v1/responses", { input: prompt, store: true, temperatur: 1 }, "temperatur (did you mean temperature?)"],
  [
    chatPath,
    asking(prompt, { stream: true, tools: [...tools, chatTool] }),
    `tools.2.function.parameters${place}, tools.2.function.parameters#/properties/c/not`,
  ],
  [
    "/v1/messages",
    {
      max_tokens: 9,
      messages,
      tools: [{ name: "f", input_schema: { type: "object", ...list } }],
      tool_choice: { type: "auto" },
    },
    `tools.0.input_schema${place}, tools.0.input_schema#/properties/c/not`,
  ],
  [
    "/v1/inference",
    { messages, tools: [chatTool] },
    `tools.0.function.parameters${place}, tools.0.function.parameters#/properties/c/not`,
  ],
] as const)(
  "request %# to %s has the names of its ignored fields and keywords in a header and in the log",
  async (path, body, names) => {
    start();
    const response = await post(path, body);
    await response.text();
    expect([response.status, response.headers.get("x-ignored-fields")]).toEqual([200, names]);
    const logged = worker.logLines.filter(({ msg }) => msg === "fields_ignored");
    expect(logged).toMatchObject(names === null ? [] : [{ level: "warn", client: "local", fields: names.split(", ") }]);
  },
);
