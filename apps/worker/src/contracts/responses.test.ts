// Contracts of the Responses API on the fake backend: the order of events, one set of ids, exactly one end, and stored responses.
import { createStepGate } from "@waggle/engine";
import { parseSse } from "@waggle/protocol/sse";
import { createFakeClock } from "@waggle/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createInlineWorker } from "../testing/inline-worker.ts";
import type { InlineWorker, InlineWorkerOptions } from "../testing/inline-worker.ts";
import { alice, bob, forTwoClients } from "../testing/two-clients.ts";

type Json = Record<string, unknown>;
interface Item extends Json {
  readonly id: string;
  readonly type: string;
}
interface Answer extends Json {
  readonly id: string;
  readonly status: string;
  readonly output: readonly Item[];
}
interface Event extends Json {
  readonly type: string;
  readonly sequence_number: number;
  readonly response?: Answer;
  readonly item?: Item;
  readonly item_id?: string;
  readonly output_index?: number;
}

let worker: InlineWorker;
afterEach(async () => {
  vi.useRealTimers();
  await worker.close();
});

function start(options: InlineWorkerOptions = {}): InlineWorker {
  worker = createInlineWorker(options);
  return worker;
}

async function call(method: string, path: string, body?: unknown, headers: Json = {}): Promise<Response> {
  const init = { method, headers: { host: "localhost", ...headers } as Record<string, string> };
  return await worker.app.request(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
}

const post = (body: unknown, headers: Json = {}) => call("POST", "/v1/responses", body, headers);

async function whole(body: unknown, headers: Json = {}): Promise<Answer> {
  const response = await post(body, headers);
  expect(response.status, await response.clone().text()).toBe(200);
  return (await response.json()) as Answer;
}

async function refusal(response: Response | Promise<Response>): Promise<Json & { status: number }> {
  const { status } = await response;
  const { error } = (await (await response).json()) as { error: Json };
  return { status, ...error };
}

/** The events of a stream, checking that each frame has its event's name. */
async function eventsOf(response: Response): Promise<readonly Event[]> {
  const events: Event[] = [];
  for await (const { event, data } of parseSse(response.body as ReadableStream<Uint8Array>)) {
    const parsed = JSON.parse(data) as Event;
    expect(event).toBe(parsed.type);
    events.push(parsed);
  }
  return events;
}

const streamed = async (body: Json) => await eventsOf(await post({ ...body, stream: true }));
const last = (events: readonly Event[]): Event => events.at(-1) as Event;
const terminals = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** Checks what strict clients require. Returns the final object. */
function checked(events: readonly Event[]): Answer {
  expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
  const numbered = events.filter(({ type }) => type !== "keepalive");
  expect(numbered.slice(0, 2).map(({ type }) => type)).toEqual(["response.created", "response.in_progress"]);
  const items: Item[] = [];
  const doneItems: Item[] = [];
  for (const { type, item, item_id: itemId, output_index: index } of numbered.slice(2, -1)) {
    expect(index, type).toBe(doneItems.length);
    if (type === "response.output_item.added") items.push(item as Item);
    else if (type === "response.output_item.done") doneItems.push(item as Item);
    else expect(itemId, type).toBe(items[index as number]?.id);
  }
  const final = last(events).response as Answer;
  const identity = ({ id, type, call_id: callId }: Item) => [id, type, callId];
  // An item that was open at a failure has no done event.
  const whole = final.status === "failed" ? items.slice(0, doneItems.length) : items;
  expect(doneItems.map(identity)).toEqual(whole.map(identity));
  expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  expect(events.filter(({ type }) => terminals.has(type))).toEqual([last(events)]);
  expect(new Set(events.flatMap(({ response }) => (response === undefined ? [] : [response.id]))).size).toBe(1);
  expect(final.output).toEqual(doneItems);
  return final;
}

const say = (text: string, words = ""): string => `${words}[say:${encodeURIComponent(text)}]`;
const textOf = (item: Item | undefined): unknown => (item?.["content"] as { text: string }[] | undefined)?.[0]?.text;
const joined = (events: readonly Event[], type: string): string =>
  events.map((event) => (event.type === type ? (event["delta"] as string) : "")).join("");

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { type: "function", name: "weather", parameters };
const calling = '<think>Hm.</think>Look:\n<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>';

/** The conversation that the engine got with the last job. */
function lastPrompt(): { messages: readonly Json[]; tools?: readonly { function: Json }[]; sampling: Json } {
  const jobs = worker.commands.flatMap((command) => (command.type === "submit" ? [command.job] : []));
  return jobs.at(-1) as unknown as ReturnType<typeof lastPrompt>;
}

describe("a stream", () => {
  test("has its events in order, one set of ids, and the same items as the whole answer (fault 5)", async () => {
    start();
    const body = { input: say(calling), tools: [weather], temperature: 0, store: false };
    const events = await streamed(body);
    const final = checked(events);
    expect(final.output.map(({ type }) => type)).toEqual(["reasoning", "message", "function_call"]);
    expect(final).toMatchObject({
      object: "response",
      status: "completed",
      error: null,
      incomplete_details: null,
      output: [
        { summary: [{ type: "summary_text", text: "Hm." }] },
        { role: "assistant", status: "completed", content: [{ type: "output_text", text: "Look:", annotations: [] }] },
        { name: "weather", arguments: '{"city": "Bern"}', status: "completed" },
      ],
      usage: {
        input_tokens_details: { cached_tokens: 0 },
        output_tokens_details: { reasoning_tokens: "<think>Hm.".length },
      },
    });
    expect(joined(events, "response.reasoning_summary_text.delta")).toBe("Hm.");
    expect(joined(events, "response.output_text.delta")).toBe("Look:");
    expect(joined(events, "response.function_call_arguments.delta")).toBe('{"city": "Bern"}');
    const called = events.find(({ type }) => type === "response.function_call_arguments.done");
    expect(called).toMatchObject({ name: "weather", arguments: '{"city": "Bern"}' });
    const types = events.map(({ type }) => type).filter((type) => type !== "keepalive");
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      ...["response.created", "response.in_progress"],
      ...["response.output_item.added", "response.reasoning_summary_part.added"],
      ...["response.reasoning_summary_text.delta", "response.reasoning_summary_text.done"],
      ...["response.reasoning_summary_part.done", "response.output_item.done"],
      ...["response.output_item.added", "response.content_part.added"],
      ...["response.output_text.delta", "response.output_text.done"],
      ...["response.content_part.done", "response.output_item.done"],
      ...["response.output_item.added", "response.function_call_arguments.delta"],
      ...["response.function_call_arguments.done", "response.output_item.done", "response.completed"],
    ]);
    const collected = await whole(body);
    const withoutIds = (items: readonly Item[]) => items.map(({ id: _, call_id: __, ...item }) => item);
    expect(withoutIds(collected.output)).toEqual(withoutIds(final.output));
  });

  test("reports progress and timings for llama-server's return_progress and timings_per_token, also in its final event", async () => {
    start({ slots: 1 });
    const wanted = { return_progress: true, timings_per_token: true };
    const events = await streamed({ input: "x".repeat(1_500), max_output_tokens: 3, ...wanted });
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
    const told = events.filter((event) => event["prompt_progress"] !== undefined);
    expect(told.length).toBeGreaterThan(1);
    expect(new Set(told.map(({ type }) => type))).toEqual(new Set(["response.in_progress"]));
    const pieces = events.filter(({ type }) => type === "response.output_text.delta");
    expect(pieces.map(({ timings }) => (timings as Json)["predicted_n"])).toEqual([1, 2, 3]);
    expect(last(events)).toMatchObject({ type: "response.incomplete", timings: { predicted_n: 3 } });
  });

  test("has one empty message for an empty answer", async () => {
    start();
    const final = checked(await streamed({ input: "[eog:0]" }));
    expect(final.output).toMatchObject([{ type: "message", content: [{ text: "" }] }]);
  });

  test("is incomplete, with an incomplete last item, when max_output_tokens ends it", async () => {
    start();
    const events = await streamed({ input: say(calling), tools: [weather], max_output_tokens: 80 });
    expect(last(events).type).toBe("response.incomplete");
    expect(checked(events)).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output: [
        {},
        { status: "completed" },
        { status: "incomplete", arguments: expect.stringMatching(/^\{"city/) as string },
      ],
    });
  });

  test("begins with response.created, also when it is kept alive before the answer", async () => {
    const gate = createStepGate();
    const clock = createFakeClock();
    start({ gate, clock, slots: 1, limits: { pingIntervalMs: 1_000 } });
    const response = await post({ input: say("Hi"), stream: true });
    const reading = eventsOf(response);
    await gate.held();
    for (let i = 0; i < 3; i += 1) {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    gate.open();
    const events = await reading;
    expect(checked(events).status).toBe("completed");
    expect(events.filter(({ type }) => type === "keepalive").map(({ sequence_number: number }) => number)).toContain(2);
  });
});

describe("the one end of a stream (fault 4)", () => {
  test("is an event after which the connection closes, when the job fails", async () => {
    start();
    const events = await streamed({ input: "[fail:3]" });
    expect(checked(events)).toMatchObject({ status: "failed", error: { code: "server_error" } });
  });

  test("is a failure when engines die one after the other", async () => {
    const gate = createStepGate();
    start({ gate });
    const reading = eventsOf(await post({ input: "endless", stream: true }));
    await gate.held();
    gate.step(4);
    await gate.held();
    for (const _ of [1, 2, 3, 4]) {
      worker.kill();
      worker.load();
    }
    expect(checked(await reading)).toMatchObject({ status: "failed", error: { code: "server_error" } });
  });

  test("comes when the job is cancelled", async () => {
    const gate = createStepGate();
    start({ gate });
    const reading = eventsOf(await post({ input: "endless", stream: true }, { "x-session-id": "s" }));
    await gate.held();
    gate.step(4);
    await gate.held();
    const cancelled = call("DELETE", "/v1/sessions/s");
    gate.open();
    expect((await cancelled).status).toBe(200);
    expect(checked(await reading)).toMatchObject({
      status: "failed",
      error: { message: expect.stringContaining("cancelled") as string },
    });
  });

  test("is an error for a too long prompt, before or after the start of the stream", async () => {
    start({ contextSize: 32 });
    expect(await refusal(post({ input: "long ".repeat(40), stream: true }))).toMatchObject({
      status: 400,
      code: "context_length_exceeded",
    });
    await worker.close();
    start({ contextSize: 32, loadLater: true });
    const reading = eventsOf(await post({ input: "long ".repeat(40), stream: true }));
    worker.load();
    expect(checked(await reading)).toMatchObject({ status: "failed", error: { code: "context_length_exceeded" } });
  });
});

describe("the request", () => {
  test("may have no text and max_output_tokens 1, as clients send it to load the model", async () => {
    start();
    expect(await whole({ input: "", max_output_tokens: 1 })).toMatchObject({ status: "incomplete" });
    expect(lastPrompt().messages).toEqual([{ role: "user", content: "" }]);
    expect((await whole({ max_output_tokens: 1 })).status).toBe("incomplete");
    expect(lastPrompt().sampling).toMatchObject({ temperature: 1, top_p: 1 });
  });

  test("a history of items becomes messages as the model wrote them", async () => {
    start();
    await whole({
      instructions: "Be kind.",
      input: [
        { role: "developer", content: [{ type: "input_text", text: "Be brief." }] },
        { role: "user", content: [{ type: "input_text", text: "Weather?" }] },
        { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: null },
        {
          type: "message",
          role: "assistant",
          id: "msg_1",
          content: [{ type: "output_text", text: "Look:", annotations: [] }],
        },
        { type: "function_call", call_id: "a", name: "weather", arguments: '{"city":"Bern"}' },
        { type: "custom_tool_call", call_id: "b", name: "patch", input: "say\n" },
        { type: "web_search_call", id: "ws_1", status: "completed", action: {} },
        { type: "function_call_output", call_id: "a", output: [{ type: "input_text", text: "sunny" }] },
        { type: "custom_tool_call_output", call_id: "b", output: "done" },
        { role: "developer", content: "Now in French." },
        { role: "user", content: say("Oui", "And? ") },
      ],
    });
    expect(lastPrompt().messages).toEqual([
      { role: "system", content: "Be kind.\n\nBe brief." },
      { role: "user", content: "Weather?" },
      {
        role: "assistant",
        content: "Look:",
        reasoning_content: "Hm.",
        tool_calls: [
          { id: "a", type: "function", function: { name: "weather", arguments: { city: "Bern" } } },
          { id: "b", type: "function", function: { name: "patch", arguments: { input: "say\n" } } },
        ],
      },
      { role: "tool", tool_call_id: "a", content: "sunny" },
      { role: "tool", tool_call_id: "b", content: "done\n\n<system>\nNow in French.\n</system>" },
      { role: "user", content: say("Oui", "And? ") },
    ]);
  });

  test("server tools are ignored, and namespaces and custom tools are converted in both directions (fault 6)", async () => {
    start();
    const tools = [
      { type: "web_search", external_web_access: false },
      { type: "tool_search", execution: "client", parameters: {} },
      { type: "a_type_of_next_year" },
      { type: "namespace", name: "agents", description: "d", tools: [{ ...weather, name: "close" }] },
      { type: "custom", name: "apply_patch", format: { type: "grammar", syntax: "lark", definition: "start: WORD" } },
    ];
    const patch = '*** Begin\n+"π"\\ 🐝';
    const call = (name: string, args: object) => `<tool_call>${JSON.stringify({ name, arguments: args })}</tool_call>`;
    const text = `${call("agents__close", { city: "a" })}${call("apply_patch", { input: patch })}`;
    const events = await streamed({ input: say(text), tools, tool_choice: "auto", parallel_tool_calls: true });
    const final = checked(events);
    expect(final.output).toMatchObject([
      { type: "function_call", namespace: "agents", name: "close", arguments: '{"city":"a"}' },
      { type: "custom_tool_call", name: "apply_patch", input: patch },
    ]);
    expect(joined(events, "response.custom_tool_call_input.delta")).toBe(patch);
    expect(lastPrompt().tools?.map(({ function: { name } }) => name)).toEqual(["agents__close", "apply_patch"]);
    expect(lastPrompt().tools?.[1]?.function["description"]).toContain("start: WORD");

    await whole({ input: [...final.output, { type: "function_call_output", call_id: "x", output: "" }], tools });
    expect(lastPrompt().messages[0]?.["tool_calls"]).toMatchObject([
      { function: { name: "agents__close" } },
      { function: { name: "apply_patch", arguments: { input: patch } } },
    ]);
    expect((await post({ input: "a[eog:1]", tools: [{ type: "web_search" }], tool_choice: "auto" })).status).toBe(200);
  });

  test("a tool choice must be a known tool, and an invalid schema is named by its index among all tools", async () => {
    start();
    const strict = { ...weather, name: "odd", strict: true, parameters: { type: "array", uniqueItems: true } };
    const body = { input: "a", tools: [weather, { type: "mcp" }, strict] };
    const none = { type: "custom", name: "none" };
    expect(await refusal(post({ ...body, tool_choice: none }))).toMatchObject({ status: 400, param: "tool_choice" });
    const only = { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "odd" }] };
    expect(await refusal(post({ ...body, tool_choice: only }))).toMatchObject({ param: "tools.2.parameters" });
    const other = { ...only, tools: [{ type: "function", name: "weather" }] };
    await whole({ ...body, input: "a[eog:1]", tool_choice: other });
    expect(lastPrompt().tools?.map(({ function: { name } }) => name)).toEqual(["weather", "odd"]);
  });

  test("text.format constrains the content to a schema, and included logprobs are sent", async () => {
    start();
    const format = {
      type: "json_schema",
      name: "x",
      schema: { type: "object", properties: { a: { enum: [1] } }, required: ["a"] },
    };
    const answer = await whole({ input: say('{"a":1}'), text: { format, verbosity: "low" } });
    expect(textOf(answer.output.at(-1))).toBe('{"a":1}');
    expect(answer["text"]).toMatchObject({ format: { type: "json_schema" } });
    const include = ["message.output_text.logprobs", "reasoning.encrypted_content"];
    const events = await streamed({ input: "Hello [eog:3]", include, top_logprobs: 2 });
    const content = checked(events).output.at(-1)?.["content"];
    const [part] = (content ?? []) as { logprobs: { top_logprobs: unknown[] }[] }[];
    expect(part?.logprobs.map(({ top_logprobs: top }) => top.length)).toEqual([2, 2, 2]);
    const deltas = events.filter(({ type }) => type === "response.output_text.delta");
    expect(deltas.flatMap(({ logprobs }) => logprobs)).toEqual(part?.logprobs);
  });

  test.each([
    ["background", { background: true }],
    ["conversation", { conversation: "conv_1" }],
    ["prompt", { prompt: { id: "p" } }],
    ["truncation", { truncation: "auto" }],
    ["input.0.type", { input: [{ type: "unheard_of" }] }],
    ["input.0.content.0.type", { input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] }],
    [
      "text.format.schema",
      { text: { format: { type: "json_schema", name: "x", schema: { type: "array", uniqueItems: true } } } },
    ],
    [
      "tools.1.parameters",
      { tools: [{ type: "mcp" }, { ...weather, strict: true, parameters: { type: "array", uniqueItems: true } }] },
    ],
    ["tool_choice", { tool_choice: "required", tools: [{ type: "web_search" }] }],
    ["content-encoding", {}],
  ])("%s is refused by name", async (field, more) => {
    start();
    const headers = field === "content-encoding" ? { "content-encoding": "zstd" } : {};
    const error = await refusal(post({ input: "Hi", ...more }, headers));
    const refused = { status: 400, code: "invalid_argument", type: "invalid_request_error", param: field };
    expect(error).toMatchObject(refused);
    expect(error["message"]).not.toContain("Invalid input");
  });

  test("a reasoning effort applies to a model with a switch, and is null in the response of another model", async () => {
    start();
    const answer = await whole({ input: "Hi[eog:1]", reasoning: { effort: "medium", summary: "auto" } });
    expect(answer["reasoning"]).toEqual({ effort: null, summary: null });
  });

  test("counting the input gives as many tokens as the answer's usage", async () => {
    start();
    const body = { instructions: "Be kind.", input: "Hi[eog:1]", tools: [weather] };
    const counted = (await (await call("POST", "/v1/responses/input_tokens", body)).json()) as Json;
    const { usage } = await whole(body);
    expect(counted).toEqual({ object: "response.input_tokens", input_tokens: (usage as Json)["input_tokens"] });
  });

  test("a repeated request has as many tokens, of which all but the last are cached", async () => {
    start({ slots: 1 });
    const usage = async () => (await whole({ input: "Hi[eog:1]" }))["usage"] as Json;
    const { input_tokens: tokens } = await usage();
    expect(await usage()).toMatchObject({
      input_tokens: tokens,
      input_tokens_details: { cached_tokens: Number(tokens) - 1 },
    });
  });

  test("on an unknown path gets an error in this dialect", async () => {
    start();
    const upgrade = { connection: "Upgrade", upgrade: "websocket" };
    expect(await refusal(call("GET", "/v1/responses", undefined, upgrade))).toMatchObject({ status: 404, param: null });
    expect((await call("POST", "/responses", { input: "Hi[eog:1]" })).status).toBe(200);
  });
});

describe("a stored response", () => {
  test("comes before the input of the next one, turn by turn (fault 9)", async () => {
    start();
    const first = await whole({ input: say("One."), instructions: "Be kind.", metadata: { a: "b" } });
    expect(first["metadata"]).toEqual({ a: "b" });
    const second = await whole({ input: say("Two."), previous_response_id: first.id });
    await whole({ input: say("Three."), previous_response_id: second.id });
    expect(lastPrompt().messages.map(({ content }) => content)).toEqual([
      ...[say("One."), "One.", say("Two."), "Two.", say("Three.")],
    ]);
    const page = (await (await call("GET", `/v1/responses/${second.id}/input_items?order=asc&limit=2`)).json()) as Json;
    expect(page).toMatchObject({ data: [{ role: "user" }, { role: "assistant" }], has_more: true });
  });

  test("belongs to its client: a missing one and another client's both give 404 (fault 9)", async () => {
    start({ access: forTwoClients });
    const { id } = await whole({ input: say("Mine.") }, alice);
    const previous = { input: "Hi", previous_response_id: id };
    const missing = { status: 404, code: "previous_response_not_found", param: "previous_response_id" };
    expect(await refusal(post(previous, bob))).toMatchObject(missing);
    expect(await refusal(post({ ...previous, previous_response_id: "resp_0" }, alice))).toMatchObject(missing);
    expect((await call("GET", `/v1/responses/${id}`, undefined, bob)).status).toBe(404);
    expect((await call("DELETE", `/v1/responses/${id}`, undefined, bob)).status).toBe(404);
    expect((await call("GET", `/v1/responses/${id}`, undefined, alice)).status).toBe(200);
    const reference = { input: [{ type: "item_reference", id: "msg_0" }] };
    expect(await refusal(post(reference, alice))).toMatchObject({ status: 404, param: "input.0.id" });
  });

  test("can be read as the same object until it is deleted", async () => {
    start();
    const answer = await whole({ input: say(calling), tools: [weather] });
    expect(await (await call("GET", `/v1/responses/${answer.id}`)).json()).toEqual(answer);
    const deleted = await call("DELETE", `/v1/responses/${answer.id}`);
    expect(await deleted.json()).toEqual({ id: answer.id, object: "response", deleted: true });
    expect((await call("GET", `/v1/responses/${answer.id}`)).status).toBe(404);
  });

  test("does not exist with store: false", async () => {
    start();
    const answer = await whole({ input: say("Gone."), store: false });
    expect(answer["store"]).toBe(false);
    expect((await call("GET", `/v1/responses/${answer.id}`)).status).toBe(404);
    expect((await post({ input: "Hi", previous_response_id: answer.id })).status).toBe(404);
  });

  test("provides the items that a client references by id", async () => {
    start();
    const { output } = await whole({ input: say("Earlier text.") });
    await whole({
      input: [
        { type: "item_reference", id: output[0]?.id },
        { role: "user", content: "Hi[eog:1]" },
      ],
    });
    expect(lastPrompt().messages[0]).toEqual({ role: "assistant", content: "Earlier text." });
  });

  test("keeps the ids of its client, and a referenced item counts like one that was sent", async () => {
    start({ maxBodyBytes: 2_000 });
    const own = { id: "mine", role: "user", content: `${"x".repeat(800)}[eog:1]` };
    const { id } = await whole({ input: [own] });
    expect(await (await call("GET", `/v1/responses/${id}/input_items`)).json()).toMatchObject({ data: [own] });
    const named = (count: number) => ({
      input: Array.from({ length: count }, () => ({ type: "item_reference", id: "mine" })),
    });
    await whole(named(2));
    expect(lastPrompt().messages.map(({ content }) => content)).toEqual([own.content, own.content]);
    for (const path of ["/v1/responses", "/v1/responses/input_tokens"]) {
      expect(await refusal(call("POST", path, named(3)))).toMatchObject({ status: 400, param: "input.2.id" });
    }
  });

  test("lists the remaining items when an earlier response was deleted", async () => {
    start();
    const first = await whole({ input: "a[eog:1]" });
    const second = await whole({ input: "b[eog:1]", previous_response_id: first.id });
    const third = await whole({ input: "c[eog:1]", previous_response_id: second.id });
    expect((await call("DELETE", `/v1/responses/${first.id}`)).status).toBe(200);
    const page = (await (await call("GET", `/v1/responses/${third.id}/input_items?order=asc`)).json()) as Json;
    expect(page).toMatchObject({
      data: [{ role: "user", content: "b[eog:1]" }, { role: "assistant" }, { role: "user", content: "c[eog:1]" }],
      has_more: false,
    });
  });

  test("has the error of a failure, and no conversation continues from it", async () => {
    start();
    const failed = last(await streamed({ input: "[fail:2]" })).response as Answer;
    expect(await (await call("GET", `/v1/responses/${failed.id}`)).json()).toEqual(failed);
    const next = refusal(post({ input: "Hi", previous_response_id: failed.id }));
    expect(await next).toMatchObject({ status: 400, param: "previous_response_id" });
  });

  test("streams again from any event, during and after its run, with the same numbers and ids", async () => {
    const gate = createStepGate();
    start({ gate });
    const reading = eventsOf(await post({ input: say(calling), tools: [weather], stream: true }));
    await gate.held();
    gate.step(12);
    await gate.held();
    const id = [...worker.registry.liveJobs()][0]?.id as string;
    expect(await (await call("GET", `/v1/responses/${id}`)).json()).toMatchObject({
      status: "in_progress",
      output: [],
    });
    expect(await refusal(post({ input: "Hi", previous_response_id: id }))).toMatchObject({ status: 400 });
    const meanwhile = eventsOf(await call("GET", `/v1/responses/${id}?stream=true`));
    gate.open();
    const events = await reading;
    checked(events);
    expect(await meanwhile).toEqual(events);
    const from = (number: number): Promise<Response> =>
      call("GET", `/v1/responses/${id}?stream=true&starting_after=${number}`);
    expect(await eventsOf(await from(4))).toEqual(events.slice(5));
    expect(await eventsOf(await from(events.length - 1))).toEqual([]);
    expect(await refusal(from(events.length))).toMatchObject({ status: 400, param: "starting_after" });
    expect(await (await call("GET", `/v1/responses/${id}`)).json()).toEqual(last(events).response);
    expect((await call("HEAD", `/v1/responses/${id}?stream=true`)).status).toBe(200);
    expect(worker.app.streams.open).toBe(0);
  });

  test("is a single one for a request that was sent twice", async () => {
    start({ limits: { retryGraceMs: 10_000 } });
    const again = { "idempotency-key": "k" };
    const body = { input: say("Once."), stream: true };
    const first = await eventsOf(await post(body, again));
    vi.setSystemTime(Date.now() + 5_000);
    const second = await eventsOf(await post(body, again));
    expect(checked(second)).toEqual(checked(first));
    expect(await (await call("GET", `/v1/responses/${checked(first).id}`)).json()).toEqual(checked(first));
  });

  test("cannot be streamed again when its first events are gone", async () => {
    start({ limits: { replayBufferBytes: 1_024 } });
    const { id } = await whole({ input: say("A few words more than fit.") });
    expect((await call("GET", `/v1/responses/${id}`)).status).toBe(200);
    expect(await refusal(call("GET", `/v1/responses/${id}?stream=true`))).toMatchObject({ status: 404 });
    expect(await refusal(call("GET", `/v1/responses/${id}?stream=true&starting_after=x`))).toMatchObject({
      status: 400,
    });
  });
});
