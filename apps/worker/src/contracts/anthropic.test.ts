// Contracts of Anthropic's dialect, through the whole worker on the fake backend: mainly what breaks its clients on other servers.
import { genericFormat } from "@waggle/chat-format/format";
import { createStepGate } from "@waggle/engine";
import { createTokenTable } from "@waggle/daemon/tokens";
import { AnthropicErrorSchema, AnthropicEventSchema } from "@waggle/protocol";
import type { AnthropicEvent } from "@waggle/protocol";
import { parseSse } from "@waggle/protocol/sse";
import { createFakeClock } from "@waggle/testing";
import type { FakeClock } from "@waggle/testing";
import { afterEach, describe, expect, test } from "vitest";
import { createInlineWorker } from "../testing/inline-worker.ts";
import type { InlineWorker, InlineWorkerOptions } from "../testing/inline-worker.ts";

let worker: InlineWorker;
afterEach(() => worker.close());

function start(options: InlineWorkerOptions = {}): void {
  worker = createInlineWorker(options);
}

type Json = Record<string, unknown>;

async function send(method: string, path: string, body?: unknown, headers: Json = {}): Promise<Response> {
  const init = { method, headers: { host: "localhost", ...headers } as Record<string, string> };
  return await worker.app.request(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
}
const post = (body: unknown, headers: Json = {}) => send("POST", "/v1/messages", body, headers);
const ask = async (body: unknown): Promise<Json> => (await (await post(body)).json()) as Json;
const say = (text: string): string => `[say:${encodeURIComponent(text)}]`;
const asking = (content: unknown, more: Json = {}): Json => ({
  model: "claude",
  max_tokens: 100,
  messages: [{ role: "user", content }],
  ...more,
});

/** The events of a stream, checking that each frame has its event's name: Anthropic's client drops frames without it. */
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

/** The messages that the engine got with the last job. */
function lastPrompt(): readonly Json[] {
  const submitted = worker.commands.flatMap((command) => (command.type === "submit" ? [command.job] : []));
  return (submitted.at(-1) as unknown as { messages: readonly Json[] }).messages;
}

/** The next chunk after an idle time of the stream. */
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
const calling = '<think>Hm.</think>Look:<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>';

describe("a message", () => {
  test("collected: blocks, stop reason and token counts", async () => {
    start();
    expect(await ask(asking(say(calling), { tools }))).toEqual({
      id: expect.stringMatching(/^msg_[\w-]+$/) as string,
      type: "message",
      role: "assistant",
      model: "waggle-fake",
      content: [
        { type: "thinking", thinking: "Hm.", signature: "" },
        { type: "text", text: "Look:" },
        {
          type: "tool_use",
          id: expect.stringMatching(/^toolu_\w+$/) as string,
          name: "weather",
          input: { city: "Bern" },
        },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: {
        input_tokens: expect.any(Number) as number,
        output_tokens: Buffer.byteLength(calling) + 1,
        cache_read_input_tokens: 0,
        cache_creation_input_tokens: 0,
      },
    });
  });

  test("streamed: named events, blocks in sequence, token counts in the first and last event", async () => {
    start();
    const events = await stream(asking(say(calling), { tools }));
    const blocks = typesOf(events.filter(({ type }) => !["content_block_delta", "ping"].includes(type)));
    const block = ["content_block_start", "content_block_stop"];
    expect(blocks).toEqual(["message_start", ...block, ...block, ...block, "message_delta", "message_stop"]);
    const [first, end] = [events[0], events.at(-2)];
    if (first?.type !== "message_start" || end?.type !== "message_delta") throw new Error("no counts");
    expect(end.usage).toEqual({ ...first.message.usage, output_tokens: Buffer.byteLength(calling) + 1 });
    expect(end.delta).toEqual({ stop_reason: "tool_use", stop_sequence: null });
  });

  test("ends at a stop sequence, at max_tokens and at the end of the context", async () => {
    start({ contextSize: 64 });
    const stopped = await ask(asking(say("one two"), { stop_sequences: ["tw", "x"] }));
    expect(stopped).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: "tw", content: [{ text: "one " }] });
    expect(await ask(asking("endless", { max_tokens: 3 }))).toMatchObject({ stop_reason: "max_tokens" });
    expect(await ask(asking("endless"))).toMatchObject({ stop_reason: "model_context_window_exceeded" });
    expect(await ask(asking("warm", { max_tokens: 0 }))).toMatchObject({ content: [], stop_reason: "max_tokens" });
  });

  test("reports the cached part of the prompt, with the same sum of tokens", async () => {
    start({ slots: 1 });
    const counts = async () => (await ask(asking("Where is the honey? [eog:2]")))["usage"] as Record<string, number>;
    const [first, second] = [await counts(), await counts()];
    const sum = (first["input_tokens"] as number) + (first["cache_read_input_tokens"] as number);
    expect(second["cache_read_input_tokens"]).toBe(sum - 1);
    expect(second["input_tokens"]).toBe(1);
  });
});

describe("faults of other servers", () => {
  test("1: system messages between other messages, as Claude Code sends them", async () => {
    start();
    const messages = [
      { role: "user", content: "Go" },
      { role: "assistant", content: [{ type: "tool_use", id: "t", name: "weather", input: {} }] },
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "rain" }] },
      { role: "system", content: "[eog:1]" },
    ];
    expect((await post({ ...asking(""), system: "You are.", messages, tools })).status).toBe(200);
    expect(lastPrompt().map(({ role }) => role)).toEqual(["system", "user", "assistant", "tool"]);
    expect(lastPrompt().at(-1)?.["content"]).toMatch(/^rain\n.*Be brief.*\[eog:1\]/s);
  });

  test("2: the changing billing line and the order of arguments do not change the prompt", async () => {
    start({ slots: 1 });
    const turn = async (n: number) => {
      const system = [
        { type: "text", text: `x-anthropic-billing-header: cc_version=2.1.9; cch=${n};` },
        { type: "text", text: "You are a bee.", cache_control: { type: "ephemeral" } },
      ];
      return (await ask(asking("Hi [eog:1]", { system })))["usage"] as Record<string, number>;
    };
    expect((await turn(12_345))["cache_read_input_tokens"]).toBe(0);
    expect((await turn(67_890))["input_tokens"]).toBe(1);

    const input = { zebra: 1, ant: 2 };
    const called = { role: "assistant", content: [{ type: "tool_use", id: "t", name: "weather", input }] };
    const given = { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "[eog:1]" }] };
    await ask({ ...asking(""), messages: [{ role: "user", content: "Go" }, called, given] });
    expect(JSON.stringify(lastPrompt()[1]?.["tool_calls"])).toContain('"arguments":{"zebra":1,"ant":2}');
  });

  test("8: an unknown path gets this dialect's error, and counted tokens equal those of the message", async () => {
    start();
    const unknown = await send("POST", "/v1/messages/batches", {});
    expect(unknown.status).toBe(404);
    expect(AnthropicErrorSchema.parse(await unknown.json()).error.type).toBe("not_found_error");

    const body = asking("How far? [eog:1]", { tools, system: "You are a bee.", thinking: { type: "adaptive" } });
    const { max_tokens: _, ...counted } = body;
    const count = async (more: Json): Promise<unknown> => {
      const response = await send("POST", "/v1/messages/count_tokens", { ...counted, ...more });
      expect(response.headers.get("request-id")).toMatch(/./);
      return ((await response.json()) as Json)["input_tokens"];
    };
    // Tools with tool_choice none are not in the prompt.
    for (const more of [{}, { tool_choice: { type: "none" } }]) {
      const usage = (await ask({ ...body, ...more }))["usage"] as Record<string, number>;
      expect(await count(more)).toBe(Number(usage["input_tokens"]) + Number(usage["cache_read_input_tokens"]));
    }
    expect((await send("HEAD", "/")).status).toBe(200);
  });

  test.each([
    ["that answers at once", "never", "text", "Hi"],
    ["that thinks first", "always", "thinking", "<think>Hm.</think>Hi"],
  ] as const)(
    "12: a silent stream of a model %s gets deltas, which Claude Code's watchdog requires",
    async (...row) => {
      const [, thinking, opening, answer] = row;
      const clock = createFakeClock();
      const gate = createStepGate();
      const chatFormat = { ...genericFormat, abilities: { ...genericFormat.abilities, thinking } };
      start({ slots: 1, clock, gate, fake: { chatFormat } });
      const body = asking(say(answer), { stream: true });
      const counted = (await (await send("POST", "/v1/messages/count_tokens", body)).json()) as Json;
      const running = ask(asking("Hi [eog:1]"));
      await gate.held();
      const events = eventsOf(await post(body));
      const silences = [["message_start", "content_block_start", "content_block_delta"], ["content_block_delta"]];
      // While it waits in the queue, and while its prompt is computed.
      for (const expected of silences) {
        const told = [(await afterSilence(clock, events.next())).value as AnthropicEvent];
        while (told.length < expected.length) told.push((await events.next()).value as AnthropicEvent);
        expect(typesOf(told)).toEqual(expected);
        expect(told.at(-1)).toMatchObject({ index: 0, delta: { type: `${opening}_delta`, [opening]: "" } });
      }
      gate.open();
      await running;
      const all = await rest(events);
      const deltas = all.flatMap((event) => (event.type === "content_block_delta" ? [event.delta] : []));
      expect(deltas.map((delta) => ("text" in delta ? delta.text : "")).join("")).toBe("Hi");
      expect(typesOf(all)).not.toContain("message_start");
      // The answer continues the block that was begun during the silence, and no block is empty.
      const begun = all.flatMap((event) => (event.type === "content_block_start" ? [event.content_block.type] : []));
      expect([opening, ...begun]).toEqual(thinking === "always" ? ["thinking", "text"] : ["text"]);
      const end = all.at(-2);
      if (end?.type !== "message_delta") throw new Error("no counts");
      expect(end.usage.input_tokens + end.usage.cache_read_input_tokens).toBe(counted["input_tokens"]);
    },
  );
});

describe("errors", () => {
  test.each<[string, Json, string]>([
    ["max_tokens", { max_tokens: undefined }, "max_tokens"],
    ["an image", { messages: [{ role: "user", content: [{ type: "image", source: {} }] }] }, "messages.0.content"],
    ["a server to call", { mcp_servers: [{ type: "url", url: "https://x", name: "x" }] }, "mcp_servers"],
    [
      "a tool that is left out",
      {
        tools: [{ type: "web_search_20250305", name: "web_search" }],
        tool_choice: { type: "tool", name: "web_search" },
      },
      "tool_choice",
    ],
    [
      "a schema that cannot be had",
      {
        tools: [
          { type: "bash_20250124", name: "bash" },
          {
            ...tools[0],
            strict: true,
            input_schema: { type: "object", properties: { a: { type: "array", uniqueItems: true } } },
          },
        ],
      },
      "tools.1.input_schema",
    ],
  ])("name the field: %s", async (_, more, field) => {
    start();
    const response = await post({ ...asking("Hi"), ...more });
    expect(response.status).toBe(400);
    const { error, request_id: id } = AnthropicErrorSchema.parse(await response.json());
    expect(error.type).toBe("invalid_request_error");
    expect(error.message).toContain(`"${field}`);
    expect(response.headers.get("request-id")).toBe(id);
  });

  test("have the text that Claude Code looks for if a prompt is too long, also when tokens are counted", async () => {
    start({ contextSize: 64 });
    const response = await post(asking("x".repeat(100)));
    const { error } = AnthropicErrorSchema.parse(await response.json());
    expect([response.status, error.message]).toEqual([
      400,
      expect.stringMatching(/^prompt is too long: 10\d tokens > 63 maximum$/),
    ]);
    const counted = await send("POST", "/v1/messages/count_tokens", asking("x".repeat(100)));
    expect(await counted.json()).toEqual({ input_tokens: Number(/\d+/.exec(error.message)?.[0]) });
    const hopeless = await send("POST", "/v1/messages/count_tokens", asking("x".repeat(10_000)));
    expect(AnthropicErrorSchema.parse(await hopeless.json()).error.message).toMatch(/^prompt is too long: /);
  });

  async function expectBrokenOff(events: AsyncIterator<AnthropicEvent>, error: Json): Promise<void> {
    const told: AnthropicEvent[] = [];
    const read = async (): Promise<void> => {
      for (let next = await events.next(); next.done !== true; next = await events.next()) told.push(next.value);
    };
    await expect(read()).rejects.toThrow("ended with an error");
    expect(told.at(-1)).toMatchObject({ type: "error", error });
    expect(typesOf(told)).not.toContain("message_stop");
  }

  test("are an event that ends the stream after its start", async () => {
    start();
    await expectBrokenOff(eventsOf(await post(asking("Go [fail:2]", { stream: true }))), { type: "api_error" });
  });

  const session = { "x-session-id": "s" };
  test.each<[string, string, () => Promise<Response>]>([
    ["deleted", "client", () => send("DELETE", "/v1/sessions/s")],
    ["taken by a newer message", "superseded", () => post(asking("Next [eog:1]"), session)],
  ])("are an event when the session is %s", async (_, by, end) => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    const events = eventsOf(await post(asking("endless", { stream: true }), session));
    await gate.held();
    const ending = end();
    await expect.poll(() => worker.commands.some(({ type }) => type === "cancel")).toBe(true);
    gate.open();
    await expectBrokenOff(events, { message: expect.stringContaining(by) });
    expect((await ending).status).toBe(200);
  });

  test("refuse clients without the token in one of the two headers", async () => {
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
    thinking: { type: "adaptive", display: "summarized" },
    output_config: { effort: "xhigh" },
    context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
    tools: [
      { ...tools[0], eager_input_streaming: true, defer_loading: true, cache_control: { type: "ephemeral" } },
      { type: "web_search_20250305", name: "web_search", max_uses: 8 },
    ],
  });
  const answers = await Promise.all([1, 2].map(() => send("POST", "/v1/messages?beta=true", body, headers)));
  for (const answer of answers) expect(typesOf(await rest(eventsOf(answer))).at(-1)).toBe("message_stop");
});
