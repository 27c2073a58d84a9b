// Tests Anthropic's dialect on a whole worker with the fake backend, mainly that it avoids faults of other servers.
import { genericFormat } from "@waggle/chat-format/format";
import { createStepGate } from "@waggle/engine/testing";
import { createTokenTable } from "@waggle/daemon/tokens";
import { AnthropicErrorSchema, AnthropicEventSchema } from "@waggle/protocol";
import type { AnthropicEvent } from "@waggle/protocol";
import { parseSse } from "@waggle/protocol/sse";
import { createFakeClock } from "@waggle/testing";
import type { FakeClock } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, call, lastWork, lastConversation } = useInlineWorker();

const post = (body: unknown, headers: Record<string, string> = {}) => call("POST", "/v1/messages", body, headers);
const ask = async (body: unknown): Promise<Json> => (await (await post(body)).json()) as Json;
const say = (text: string): string => `[say:${encodeURIComponent(text)}]`;
const asking = (content: unknown, more: Json = {}): Json => ({
  model: "claude",
  max_tokens: 100,
  messages: [{ role: "user", content }],
  ...more,
});

/** The events of a stream. Checks that each frame has the name of its event: Anthropic's client drops frames without the name. */
function eventsOf(response: Response): AsyncIterator<AnthropicEvent> {
  const frames = parseSse(response.body as ReadableStream<Uint8Array>)[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await frames.next();
      if (done === true) return { done: true, value: undefined };
      const event = AnthropicEventSchema.parse(JSON.parse(value.data));
      expect(value.event).toBe(event.type);
      return { done: false, value: event };
    },
    return: async () => {
      await frames.return?.();
      return { done: true, value: undefined };
    },
  };
}

async function rest(events: AsyncIterator<AnthropicEvent>): Promise<AnthropicEvent[]> {
  const all: AnthropicEvent[] = [];
  for (let next = await events.next(); next.done !== true; next = await events.next()) all.push(next.value);
  return all;
}

const stream = async (body: Json): Promise<AnthropicEvent[]> =>
  await rest(eventsOf(await post({ ...body, stream: true })));
const typesOf = (events: readonly AnthropicEvent[]): string[] => events.map(({ type }) => type);

/** The message of a stream, joined from its events as in Anthropic's client. Checks that each block ends before the next block begins. */
function messageOf(events: readonly AnthropicEvent[]): Json {
  let message: Json = {};
  const content: Json[] = [];
  let open = -1;
  for (const event of events) {
    if (event.type === "message_start") message = { ...event.message };
    if (event.type === "message_delta") message = { ...message, ...event.delta, usage: event.usage };
    if (event.type === "content_block_start") {
      expect([event.index, open]).toEqual([content.length, -1]);
      content.push({ ...event.content_block, ...(event.content_block.type === "tool_use" ? { input: "" } : {}) });
      open = event.index;
    }
    if (event.type === "content_block_delta") {
      const { type: _, partial_json: input, ...texts } = event.delta as Record<string, string>;
      for (const [key, text] of Object.entries(input === undefined ? texts : { input })) {
        (content[event.index] as Json)[key] += text;
      }
    }
    if (event.type === "content_block_stop" || event.type === "content_block_delta") expect(event.index).toBe(open);
    if (event.type === "content_block_stop") open = -1;
  }
  expect(open).toBe(-1);
  const whole = (block: Json): Json =>
    block["type"] === "tool_use" ? { ...block, input: JSON.parse(block["input"] as string) as unknown } : block;
  return { ...message, content: content.map(whole) };
}

const lastPrompt = () => lastConversation().messages;

/** Advances the clock until the promise resolves. */
async function afterSilence<T>(clock: FakeClock, coming: Promise<T>): Promise<T> {
  let come = false;
  void coming.finally(() => (come = true));
  while (!come) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
  }
  return await coming;
}

const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
test("a request may have 1,024 tools", async () => {
  start({ contextSize: 262_144 });
  const many = (count: number): Json[] =>
    Array.from({ length: count }, (_, i) => ({ name: `tool_${i}`, input_schema: { type: "object" } }));
  expect(await ask(asking("Hi [eog:1]", { tools: many(1_024) }))).toMatchObject({ type: "message" });
  const refused = await post(asking("Hi", { tools: many(1_025) }));
  expect(refused.status).toBe(400);
  expect(JSON.stringify(await refused.json())).toContain("tools");
});

const tools = [{ name: "weather", description: "Of a city.", input_schema: schema }];

const oneCall = '<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>';
const calling = `<think>Hm.</think>Look:${oneCall}${oneCall}`;

describe("a message", () => {
  test("is the same whole and streamed: its blocks, stop reason and token counts", async () => {
    start();
    const body = asking(say(calling), { tools, max_tokens: 300 });
    const id = expect.stringMatching(/^toolu_\w+$/) as string;
    const tokens = expect.any(Number) as number;
    const message = {
      id: expect.stringMatching(/^msg_[\w-]+$/) as string,
      ...{ type: "message", role: "assistant", model: "waggle-fake" },
      content: [
        { type: "thinking", thinking: "Hm.", signature: "" },
        { type: "text", text: "Look:", citations: [] },
        { type: "tool_use", id, name: "weather", input: { city: "Bern" }, caller: { type: "direct" } },
        { type: "tool_use", id, name: "weather", input: { city: "Bern" }, caller: { type: "direct" } },
      ],
      ...{ stop_reason: "tool_use", stop_sequence: null, container: null, diagnostics: null, stop_details: null },
      usage: {
        ...{ input_tokens: tokens, cache_read_input_tokens: tokens, cache_creation_input_tokens: 0 },
        output_tokens: Buffer.byteLength(calling) + 1,
        ...{ cache_creation: null, inference_geo: null, output_tokens_details: null },
        ...{ server_tool_use: null, service_tier: null, speed: null },
      },
    };
    const events = await stream(body);
    expect(messageOf(events)).toEqual(message);
    expect(events[0]).toMatchObject({ message: { content: [], usage: { ...message.usage, output_tokens: 0 } } });
    const kinds = events.map((event) => (event.type === "content_block_delta" ? event.delta.type : event.type));
    const block = (...deltas: string[]): string[] => ["content_block_start", ...deltas, "content_block_stop"];
    const [text, input] = [block("text_delta"), block("input_json_delta")];
    const blocks = [...block("thinking_delta", "signature_delta"), ...text, ...input, ...input];
    const received = kinds.filter((kind, at) => kind !== kinds[at - 1]);
    expect(received).toEqual(["message_start", ...blocks, "message_delta", "message_stop"]);
    const whole = await ask(body);
    expect(whole).toEqual(message);
    expect(new Set((whole["content"] as Json[]).map((each) => each["id"])).size).toBe(3);
  });

  const cutCall: unknown = expect.toSatisfy(({ input }: Json) => JSON.stringify(input) === "{}");
  test.each<[string, string, Json, Json]>([
    [
      "a stop string",
      "one two",
      { stop_sequences: ["tw", "x"] },
      { stop_reason: "stop_sequence", stop_sequence: "tw" },
    ],
    ["its own end", "Hi", {}, { stop_reason: "end_turn", stop_sequence: null, content: [{ text: "Hi" }] }],
    ["max_tokens", calling, { tools, max_tokens: 99 }, { stop_reason: "max_tokens" }],
    ["max_tokens 0", "warm", { max_tokens: 0 }, { stop_reason: "max_tokens", content: [] }],
    ["the repetition limit", "la ".repeat(40), {}, { stop_reason: "max_tokens" }],
    ["the context", "[unicode]", {}, { stop_reason: "model_context_window_exceeded" }],
    ["a cut call", calling.slice(19, -30), { tools }, { stop_reason: "max_tokens", content: [{}, {}, cutCall] }],
  ])("has the reason for its end: %s", async (_, text, more, expected) => {
    start({ contextSize: 1_024, limits: { defaultRepetitionLimit: 3 } });
    const body = asking(text === "[unicode]" ? text : say(text), { max_tokens: 2_000, ...more });
    expect(await ask(body)).toMatchObject(expected);
    const { content: _content, ...reason } = expected;
    expect((await stream(body)).at(-2)).toMatchObject({ type: "message_delta", delta: reason });
  });

  test("reports how many prompt tokens were cached; the sum of cached and other tokens stays the same", async () => {
    start({ slots: 1 });
    const counts = async () => (await ask(asking("Where is the honey? [eog:2]")))["usage"] as Record<string, number>;
    const [first, second] = [await counts(), await counts()];
    const sum = (first["input_tokens"] as number) + (first["cache_read_input_tokens"] as number);
    expect(second["cache_read_input_tokens"]).toBe(sum - 1);
    expect(second["input_tokens"]).toBe(1);
  });
});

describe("faults of other servers, avoided here", () => {
  test("1: system messages between other messages, as Claude Code sends them, are accepted", async () => {
    start();
    const texts = (...all: string[]) => all.map((text) => ({ type: "text", text }));
    const use = (id: string) => ({ type: "tool_use", id, name: "weather", input: {} });
    const result = (id: string, content: unknown, more: Json = {}) => ({
      ...{ type: "tool_result", tool_use_id: id, content, ...more },
    });
    const messages = [
      { role: "user", content: texts("Go", "on") },
      {
        role: "assistant",
        content: [{ type: "thinking", thinking: "Hm.", signature: "" }, ...texts("I ", "look."), use("a"), use("b")],
      },
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [...texts("Now!"), result("a", "rain"), result("b", texts("no", "sun"), { is_error: true })],
      },
      { role: "system", content: "[eog:1]" },
    ];
    expect((await post({ ...asking(""), system: texts("You are.", "A bee."), messages, tools })).status).toBe(200);
    const called = (id: string) => ({ id, type: "function", function: { name: "weather", arguments: {} } });
    const systemBlock = (text: string): string => `<system>\n${text}\n</system>`;
    expect(lastPrompt()).toEqual([
      { role: "system", content: "You are.\n\nA bee." },
      { role: "user", content: "Go\n\non" },
      { role: "assistant", content: "I look.", reasoning_content: "Hm.", tool_calls: [called("a"), called("b")] },
      { role: "tool", content: "rain", tool_call_id: "a" },
      { role: "tool", content: "Error: no\n\nsun", tool_call_id: "b" },
      { role: "user", content: `${systemBlock("Be brief.")}\n\nNow!\n\n${systemBlock("[eog:1]")}` },
    ]);
  });

  test("2: the order of arguments does not change", async () => {
    start();
    const input = { zebra: 1, ant: 2 };
    const called = { role: "assistant", content: [{ type: "tool_use", id: "t", name: "weather", input }] };
    const given = { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "[eog:1]" }] };
    await ask({ ...asking(""), messages: [{ role: "user", content: "Go" }, called, given] });
    expect(JSON.stringify(lastPrompt()[1]?.["tool_calls"])).toContain('"arguments":{"zebra":1,"ant":2}');
  });

  test("8: an unknown path gets this dialect's error, and count_tokens returns the token count of the message", async () => {
    start();
    const unknown = await call("POST", "/v1/messages/drafts", {});
    expect(unknown.status).toBe(404);
    expect(AnthropicErrorSchema.parse(await unknown.json()).error.type).toBe("not_found_error");

    const body = asking("How far? [eog:1]", { tools, system: "You are a bee.", thinking: { type: "adaptive" } });
    const { max_tokens: _, ...counted } = body;
    const count = async (more: Json): Promise<unknown> => {
      const response = await call("POST", "/v1/messages/count_tokens", { ...counted, ...more });
      expect(response.headers.get("request-id")).toMatch(/./);
      return ((await response.json()) as Json)["input_tokens"];
    };
    // Tools with tool_choice none are not in the prompt.
    for (const more of [{}, { tool_choice: { type: "none" } }]) {
      const usage = (await ask({ ...body, ...more }))["usage"] as Record<string, number>;
      expect(await count(more)).toBe(Number(usage["input_tokens"]) + Number(usage["cache_read_input_tokens"]));
    }
    expect((await call("HEAD", "/")).status).toBe(200);
  });

  test.each([
    ["that never thinks", "never", "text", "Hi"],
    ["that thinks first", "always", "thinking", "<think>Hm.</think>Hi"],
    ["that always thinks first, except in this answer", "always", "thinking", "Hi"],
  ] as const)(
    "12: a stream sends empty deltas, which Claude Code's watchdog needs, before the first output of a model %s",
    async (...row) => {
      const [, thinking, opening, answer] = row;
      const clock = createFakeClock();
      const gate = createStepGate();
      const chatFormat = { ...genericFormat, abilities: { ...genericFormat.abilities, thinking } };
      start({ slots: 1, clock, gate, fake: { chatFormat } });
      const body = asking(say(answer), { stream: true });
      const counted = (await (await call("POST", "/v1/messages/count_tokens", body)).json()) as Json;
      const running = ask(asking("Hi [eog:1]"));
      await gate.held();
      const events = eventsOf(await post(body));
      const silences = [["message_start", "content_block_start", "content_block_delta"], ["content_block_delta"]];
      // The job first waits in the queue, and then computes its prompt.
      for (const expected of silences) {
        const received = [(await afterSilence(clock, events.next())).value as AnthropicEvent];
        while (received.length < expected.length) received.push((await events.next()).value as AnthropicEvent);
        expect(typesOf(received)).toEqual(expected);
        expect(received.at(-1)).toMatchObject({ index: 0, delta: { type: `${opening}_delta`, [opening]: "" } });
      }
      gate.open();
      await running;
      const all = await rest(events);
      const deltas = all.flatMap((event) => (event.type === "content_block_delta" ? [event.delta] : []));
      expect(deltas.map((delta) => ("text" in delta ? delta.text : "")).join("")).toBe("Hi");
      expect(typesOf(all)).not.toContain("message_start");
      // The answer continues the block of the empty deltas, so that no block stays empty.
      const begun = all.flatMap((event) => (event.type === "content_block_start" ? [event.content_block.type] : []));
      expect([opening, ...begun]).toEqual(thinking === "always" ? ["thinking", "text"] : ["text"]);
      const end = all.at(-2);
      if (end?.type !== "message_delta") throw new Error("no counts");
      expect(end.usage.input_tokens + end.usage.cache_read_input_tokens).toBe(counted["input_tokens"]);
    },
  );

  test("12: a stream sends empty deltas of the open block while the model is silent", async () => {
    const clock = createFakeClock();
    const gate = createStepGate();
    start({ slots: 1, clock, gate });
    const reading = rest(eventsOf(await post(asking(say(calling), { tools, stream: true, max_tokens: 300 }))));
    let isOver = false;
    const ended = reading.then(() => void (isOver = true));
    // How many steps read the prompt depends on what they cost.
    for (;;) {
      await Promise.race([gate.held(), ended]);
      if (isOver) break;
      clock.advance(15_000);
      await new Promise((resolve) => setImmediate(resolve));
      gate.step();
    }
    gate.open();
    const events = await reading;
    const deltas = events.flatMap((event) => (event.type === "content_block_delta" ? [event.delta] : []));
    const silent = deltas.filter((delta) => Object.values(delta).includes("") && delta.type !== "signature_delta");
    const types = ["thinking_delta", "text_delta", "input_json_delta"];
    expect(new Set(silent.map(({ type }) => type))).toEqual(new Set(types));
    expect(messageOf(events)["content"]).toMatchObject([
      ...[{ text: "" }, { thinking: "Hm." }, { text: "Look:" }],
      ...[{ input: { city: "Bern" } }, { input: { city: "Bern" } }],
    ]);
  });
});

describe("the engine gets", () => {
  test("Anthropic's defaults, or the sampling settings of the request", async () => {
    start();
    await ask(asking("Hi [eog:1]"));
    expect(lastWork()).toMatchObject({ maxTokens: 100, sampling: { temperature: 1, top_p: 1 } });
    expect(lastWork().topLogprobs).toBeUndefined();
    const fields = { temperature: 0.25, top_p: 0.5, top_k: 7 };
    await ask(asking("Hi [eog:1]", fields));
    expect(lastWork().sampling).toMatchObject(fields);
  });

  test("the flag to continue the last message, if the message is an assistant's text", async () => {
    start();
    const continues = async (content: unknown): Promise<boolean> => {
      const messages = [
        { role: "user", content: "Hello [eog:1]" },
        { role: "assistant", content },
      ];
      await ask({ ...asking(""), messages });
      return lastConversation().template?.continueFinalMessage === true;
    };
    const use = { type: "tool_use", id: "c", name: "weather", input: {} };
    expect(await continues("I say")).toBe(true);
    for (const none of [" ", [], [{ type: "text", text: "I look" }, use]]) expect(await continues(none)).toBe(false);
  });
});

describe("errors", () => {
  const wrongFormat = { type: "json_schema", schema: { type: "array", uniqueItems: true } };
  test.each<[string, Json, string]>([
    ["max_tokens", { max_tokens: undefined }, "max_tokens"],
    ["an image", { messages: [{ role: "user", content: [{ type: "image", source: {} }] }] }, "messages.0.content"],
    ["a server to call", { mcp_servers: [{ type: "url", url: "https://x", name: "x" }] }, "mcp_servers"],
    ["a container", { container: "c1" }, "container"],
    ["a tool without a schema", { tools: [{ name: "weather" }] }, "tools.0.input_schema"],
    ["a tool in OpenAI's form", { tools: [{ type: "function", function: { name: "weather" } }] }, "tools.0.type"],
    ["a tool that the client runs", { tools: [{ type: "bash_20250124", name: "bash" }] }, "tools.0.type"],
    ["a tool whose name has a space", { tools: [{ ...tools[0], name: "the weather" }] }, "tools.0.name"],
    ["a schema of the answer", { output_config: { format: wrongFormat } }, "output_config.format.schema"],
    ["a schema of the answer in its older field", { output_format: wrongFormat }, "output_format.schema"],
    [
      "a choice of a server tool",
      {
        tools: [{ type: "web_search_20250305", name: "web_search" }],
        tool_choice: { type: "tool", name: "web_search" },
      },
      "tool_choice",
    ],
    [
      "a schema that no grammar can express",
      {
        tools: [
          { type: "web_search_20250305", name: "web_search" },
          {
            ...tools[0],
            strict: true,
            input_schema: { type: "object", properties: { a: { type: "array", uniqueItems: true } } },
          },
        ],
      },
      "tools.1.input_schema",
    ],
  ])("have the name of the field: %s", async (_, more, field) => {
    start();
    const response = await post({ ...asking("Hi"), ...more });
    expect(response.status).toBe(400);
    const { error, request_id: id } = AnthropicErrorSchema.parse(await response.json());
    expect(error.type).toBe("invalid_request_error");
    expect(error.message).toContain(`"${field}`);
    expect(response.headers.get("request-id")).toBe(id);
  });

  test("have the text that Claude Code expects if a prompt is too long, also when tokens are counted", async () => {
    start({ contextSize: 64 });
    const response = await post(asking("x".repeat(100)));
    const { error } = AnthropicErrorSchema.parse(await response.json());
    expect([response.status, error.message]).toEqual([
      400,
      expect.stringMatching(/^prompt is too long: 10\d tokens > 63 maximum$/),
    ]);
    const counted = await call("POST", "/v1/messages/count_tokens", asking("x".repeat(100)));
    expect(await counted.json()).toEqual({ input_tokens: Number(/\d+/.exec(error.message)?.[0]) });
    const hopeless = await call("POST", "/v1/messages/count_tokens", asking("x".repeat(10_000)));
    expect(AnthropicErrorSchema.parse(await hopeless.json()).error.message).toMatch(/^prompt is too long: /);
  });

  test("ask the client to retry if the model is not loaded yet", async () => {
    start({ loadLater: true });
    const refused = await post(asking("Hi"));
    expect(AnthropicErrorSchema.parse(await refused.json()).error.type).toBe("overloaded_error");
  });

  async function expectBrokenOff(events: AsyncIterator<AnthropicEvent>, error: Json): Promise<void> {
    const told: AnthropicEvent[] = [];
    const read = async (): Promise<void> => {
      for (let next = await events.next(); next.done !== true; next = await events.next()) told.push(next.value);
    };
    await expect(read()).rejects.toThrow("ended with an error");
    expect(told.at(-1)).toMatchObject({ type: "error", error, request_id: expect.stringMatching(/./) });
    expect(typesOf(told)).not.toContain("message_stop");
  }

  test("are an event that ends a stream that has started", async () => {
    start();
    await expectBrokenOff(eventsOf(await post(asking("Go [fail:2]", { stream: true }))), { type: "api_error" });
  });

  test("are an event when the session is deleted", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    const events = eventsOf(await post(asking("endless", { stream: true }), { "x-session-id": "s" }));
    await gate.held();
    const ending = call("DELETE", "/v1/sessions/s");
    await expect.poll(() => worker.commands.some(({ type }) => type === "cancel")).toBe(true);
    gate.open();
    await expectBrokenOff(events, { message: expect.stringContaining("client") });
    expect((await ending).status).toBe(200);
  });

  test("refuse a client unless one of the two headers has its token", async () => {
    start({ access: { localMode: false, tokens: () => createTokenTable([{ name: "me", token: "secret" }]) } });
    const body = asking("Hi [eog:1]");
    const refused = await post(body, { "x-api-key": "other" });
    expect(refused.status).toBe(401);
    expect(AnthropicErrorSchema.parse(await refused.json()).error.type).toBe("authentication_error");
    expect((await post(body, { "x-api-key": "secret" })).status).toBe(200);
    expect((await post(body, { authorization: "Bearer secret", "x-api-key": "" })).status).toBe(200);
  });
});

test("requests of one Claude Code session are all answered: they do not supersede each other", async () => {
  start();
  const headers = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,mid-conversation-system-2026-04-07,not-yet-known",
    "x-claude-code-session-id": "5f0c",
    "x-stainless-retry-count": "0",
  };
  const body = asking([{ type: "text", text: "Hi [eog:2]", cache_control: { type: "ephemeral", ttl: "1h" } }], {
    ...{ max_tokens: 32_000, stream: true, temperature: 1, metadata: { user_id: "user_1_session_2" } },
    ...{ mcp_servers: [], container: null },
    thinking: { type: "adaptive", display: "summarized" },
    output_config: { effort: "xhigh" },
    context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
    tools: [
      { ...tools[0], eager_input_streaming: true, defer_loading: true, cache_control: { type: "ephemeral" } },
      ...[
        "advisor_20260301",
        "code_execution_20250825",
        "mcp_toolset",
        "tool_search_tool_bm25",
        "web_fetch_20260309",
      ].map((type) => ({ type })),
      { type: "web_search_20250305", name: "web_search", max_uses: 8 },
      { type: "function", name: "f", input_schema: {} },
    ],
  });
  const answers = await Promise.all([1, 2].map(() => call("POST", "/v1/messages?beta=true", body, headers)));
  for (const answer of answers) expect(typesOf(await rest(eventsOf(answer))).at(-1)).toBe("message_stop");
  const { name, description, input_schema: parameters } = tools[0] as Json;
  expect(lastConversation().tools).toEqual([
    { type: "function", function: { name, description, parameters } },
    { type: "function", function: { name: "f", parameters: {} } },
  ]);
});
