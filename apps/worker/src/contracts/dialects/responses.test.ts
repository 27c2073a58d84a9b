// Tests the Responses API on the fake backend: the order and the ids of events, and that every stream has exactly one end.
import { createStepGate } from "@waggle/engine/testing";
import { describe, expect, test } from "vitest";
import {
  calling,
  checked,
  eventsOf,
  joined,
  last,
  refusal,
  responsesClient,
  say,
  itemText,
  weather,
} from "../../testing/responses-client.ts";
import type { Answer, Event, Item } from "../../testing/responses-client.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const used = useInlineWorker();
const { worker, start, call } = used;

const { post, whole, streamed, lastPrompt } = responsesClient(used);

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

  test("reports progress and timings for llama-server's return_progress and timings_per_token; the final event has timings too", async () => {
    start({ slots: 1 });
    const wanted = { return_progress: true, timings_per_token: true };
    const events = await streamed({ input: "x".repeat(1_500), max_output_tokens: 3, ...wanted });
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
    const told = events.filter((event) => event["prompt_progress"] !== undefined);
    expect(told.length).toBeGreaterThan(1);
    expect(new Set(told.map(({ type }) => type))).toEqual(new Set(["response.in_progress"]));
    expect(told[0]).toMatchObject({ prompt_progress: { processed: 0 }, timings: { prompt_n: 0 } });
    const pieces = events.filter(({ type }) => type === "response.output_text.delta");
    expect(pieces.map(({ timings }) => (timings as Json)["predicted_n"])).toEqual([1, 2, 3]);
    const { id, usage } = last(events).response as Answer;
    expect(pieces[0]?.["timings"]).toMatchObject({ prompt_n: (usage as Json)["input_tokens"], cache_n: 0 });
    expect(last(events)).toMatchObject({ type: "response.incomplete", timings: { predicted_n: 3 } });
    // When the response is streamed again, a keep-alive event replaces each progress event, with the same number.
    const again = await eventsOf(await call("GET", `/v1/responses/${id}?stream=true`));
    const numbersOf = (some: readonly Event[]) => some.map(({ sequence_number: number }) => number);
    expect(numbersOf(again)).toEqual(numbersOf(events));
    expect(numbersOf(again.filter(({ type }) => type === "keepalive"))).toEqual(numbersOf(told));
    expect(JSON.stringify(again)).not.toContain("predicted_n");
    const plain = await streamed({ input: "x".repeat(1_500), max_output_tokens: 1, return_progress: true });
    expect(JSON.stringify(plain)).not.toContain("timings");
  });

  test("has one empty message for an empty answer", async () => {
    start();
    const final = checked(await streamed({ input: "[eog:0]" }));
    expect(final.output).toMatchObject([{ type: "message", content: [{ text: "" }] }]);
  });

  test("ends as incomplete, with an incomplete last item, at max_output_tokens", async () => {
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

  test("is incomplete if the model ends it within a call; a complete answer has completed_at", async () => {
    start();
    const cut = await whole({ input: say(calling.slice(0, -30)), tools: [weather] });
    expect(cut).toMatchObject({ status: "incomplete", completed_at: null });
    const done = await whole({ input: say(calling), tools: [weather] });
    expect(Number(done["completed_at"]) - Number(done["created_at"])).toBeOneOf([0, 1]);
  });
});

describe("the end of a stream (fault 4)", () => {
  test("is response.failed when the job fails", async () => {
    start();
    const events = await streamed({ input: "[fail:3]" });
    expect(checked(events)).toMatchObject({ status: "failed", error: { code: "server_error" } });
  });

  test("is response.failed when the job is cancelled", async () => {
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

  test("is an error if the prompt is too long: a response with status 400, or a stream with response.failed", async () => {
    start({ contextSize: 32 });
    const input = "long ".repeat(40);
    expect(await refusal(post({ input }))).toMatchObject({ status: 400, code: "context_length_exceeded" });
    const failed = { status: "failed", error: { code: "context_length_exceeded" } };
    expect(checked(await eventsOf(await post({ input, stream: true })))).toMatchObject(failed);
    start({ contextSize: 32, loadLater: true });
    const reading = eventsOf(await post({ input, stream: true }));
    worker.load();
    expect(checked(await reading)).toMatchObject(failed);
  });
});

describe("a request", () => {
  test("may have no text and max_output_tokens 1: clients send this to load the model", async () => {
    start();
    expect(await whole({ input: "", max_output_tokens: 1 })).toMatchObject({ status: "incomplete" });
    expect(lastPrompt().messages).toEqual([{ role: "user", content: "" }]);
    expect((await whole({ max_output_tokens: 1 })).status).toBe("incomplete");
    expect(lastPrompt().sampling).toMatchObject({ temperature: 1, top_p: 1 });
    const cold = await whole({ instructions: "Be kind.", max_output_tokens: 1, temperature: 0, top_p: 0.5 });
    expect(cold).toMatchObject({ temperature: 0, top_p: 0.5, instructions: "Be kind." });
    const told = [{ role: "system", content: "Be kind." }];
    expect(lastPrompt()).toMatchObject({
      messages: [...told, { role: "user", content: "" }],
      sampling: { temperature: 0, top_p: 0.5 },
    });
  });

  test("with a history of items gives the model the earlier messages as the model wrote them", async () => {
    start();
    await whole({
      instructions: "Be kind.",
      input: [
        { role: "developer", content: [{ type: "input_text", text: "Be brief." }] },
        { role: "user", content: [{ type: "input_text", text: "Weather?" }] },
        {
          ...{ type: "reasoning", id: "rs_1", encrypted_content: null },
          summary: [{ type: "summary_text", text: "H" }],
          content: [{ type: "reasoning_text", text: "Hm." }],
        },
        {
          type: "message",
          role: "assistant",
          id: "msg_1",
          content: [{ type: "output_text", text: "Look:", annotations: [] }],
        },
        { type: "function_call", call_id: "a", name: "weather", arguments: '{"city":"Bern"}' },
        { type: "custom_tool_call", call_id: "b", name: "patch", input: "say\n" },
        { type: "mcp_list_tools", server_label: "s", tools: [{ name: "t", input_schema: {} }] },
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
        content: 'Look:\n\n[The MCP server "s" has the tools t]',
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

  test("may have server tools, which are ignored; namespaces and custom tools are converted both ways (fault 6)", async () => {
    start();
    const tools = [
      { type: "web_search", external_web_access: false },
      { type: "tool_search", execution: "server" },
      { type: "tool_search", execution: "client", description: "d", parameters: {} },
      { type: "a_type_of_next_year" },
      { type: "namespace", name: "agents", description: "d", tools: [{ ...weather, name: "close" }] },
      { type: "namespace", name: "mcp__files__", tools: [{ ...weather, name: "read" }] },
      { type: "custom", name: "apply_patch", format: { type: "grammar", syntax: "lark", definition: "start: WORD" } },
    ];
    const patch = '*** Begin\n+"π"\\ 🐝';
    const call = (name: string, args: object) => `<tool_call>${JSON.stringify({ name, arguments: args })}</tool_call>`;
    const text = `${call("agents__close", { city: "a" })}${call("mcp__files__read", { city: "b" })}${call("apply_patch", { input: patch })}${call("tool_search", { query: "q" })}`;
    const events = await streamed({ input: say(text), tools, tool_choice: "auto", parallel_tool_calls: true });
    const final = checked(events);
    expect(final.output).toMatchObject([
      { type: "function_call", namespace: "agents", name: "close", arguments: '{"city":"a"}' },
      { type: "function_call", namespace: "mcp__files__", name: "read" },
      { type: "custom_tool_call", name: "apply_patch", input: patch },
      { type: "tool_search_call", execution: "client", status: "completed", arguments: { query: "q" } },
    ]);
    expect(joined(events, "response.custom_tool_call_input.delta")).toBe(patch);
    expect(lastPrompt().tools?.map(({ function: { name } }) => name)).toEqual([
      "tool_search",
      "agents__close",
      "mcp__files__read",
      "apply_patch",
    ]);
    expect(lastPrompt().tools?.[3]?.function["description"]).toContain("start: WORD");

    await whole({ input: [...final.output, { type: "function_call_output", call_id: "x", output: "" }], tools });
    expect(lastPrompt().messages[0]?.["tool_calls"]).toMatchObject([
      ...[{ function: { name: "agents__close" } }, { function: { name: "mcp__files__read" } }],
      { function: { name: "apply_patch", arguments: { input: patch } } },
      { function: { name: "tool_search", arguments: { query: "q" } } },
    ]);
    expect((await post({ input: "a[eog:1]", tools: [{ type: "web_search" }], tool_choice: "auto" })).status).toBe(200);
  });

  test("must choose a known tool; the error for an invalid schema has the tool's index among all tools", async () => {
    start();
    const strict = { ...weather, name: "odd", strict: true, parameters: { type: "array", uniqueItems: true } };
    const body = { input: "a", tools: [weather, { type: "web_search" }, strict] };
    const none = { type: "custom", name: "none" };
    expect(await refusal(post({ ...body, tool_choice: none }))).toMatchObject({ status: 400, param: "tool_choice" });
    const only = { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "odd" }] };
    expect(await refusal(post({ ...body, tool_choice: only }))).toMatchObject({ param: "tools.2.parameters" });
    const other = { ...only, tools: [{ type: "function", name: "weather" }] };
    await whole({ ...body, input: "a[eog:1]", tool_choice: other });
    expect(lastPrompt().tools?.map(({ function: { name } }) => name)).toEqual(["weather", "odd"]);
    // A server tool has no name. If only server tools are allowed, the model gets no tools.
    const server = { ...only, tools: [{ type: "web_search" }] };
    await whole({ ...body, input: "a[eog:1]", tool_choice: server });
    expect(lastPrompt().tools).toBeUndefined();
    const required = { ...body, tool_choice: { ...server, mode: "required" } };
    expect(await refusal(post(required))).toMatchObject({ param: "tool_choice" });
    const agents = { type: "namespace", name: "agents", tools: [{ ...weather, name: "close" }] };
    const close = { type: "function", name: "close", namespace: "agents" };
    for (const choice of [close, { ...only, tools: [close] }]) {
      await whole({ input: "a[eog:1]", tools: [weather, agents], tool_choice: choice });
      expect(lastPrompt().answerGrammar).toContain("agents__close");
      expect(lastPrompt().answerGrammar).not.toContain("weather");
    }
  });

  test("can constrain the content to a schema with text.format, and include logprobs", async () => {
    start();
    const format = {
      type: "json_schema",
      name: "x",
      schema: { type: "object", properties: { a: { enum: [1] } }, required: ["a"] },
    };
    const answer = await whole({ input: say('{"a":1}'), text: { format, verbosity: "low" } });
    expect(itemText(answer.output.at(-1))).toBe('{"a":1}');
    expect(answer["text"]).toMatchObject({ format: { type: "json_schema" } });
    await whole({ input: say("{}"), text: { format: { type: "json_object" } } });
    expect(lastPrompt().answerGrammar).toContain("root ::=");
    await whole({ input: say("{}"), text: { format: { type: "text" } } });
    expect(lastPrompt().answerGrammar).toBeUndefined();
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
    ["input.0.content.0.file_id", { input: [{ role: "user", content: [{ type: "input_file", file_id: "x" }] }] }],
    ["input.0.content.0.type", { input: [{ role: "user", content: [{ type: "input_audio", data: "x" }] }] }],
    ["input.0.content.0.file_id", { input: [{ role: "user", content: [{ type: "input_image", file_id: "x" }] }] }],
    [
      "text.format.schema",
      { text: { format: { type: "json_schema", name: "x", schema: { type: "array", uniqueItems: true } } } },
    ],
    [
      "tools.0.tools.0.parameters",
      {
        tools: [
          {
            ...{ type: "namespace", name: "n" },
            tools: [{ ...weather, strict: true, parameters: { type: "array", uniqueItems: true } }],
          },
        ],
      },
    ],
    ["tool_choice", { tool_choice: "required", tools: [{ type: "web_search" }] }],
    ["content-encoding", {}],
  ])("is refused with the name of the unsupported field: %s", async (field, more) => {
    start();
    const headers = field === "content-encoding" ? { "content-encoding": "zstd" } : {};
    const error = await refusal(post({ input: "Hi", ...more }, headers));
    const refused = { status: 400, code: "invalid_argument", type: "invalid_request_error", param: field };
    expect(error).toMatchObject(refused);
    expect(error["message"]).not.toContain("not a valid value");
  });

  test("may have a reasoning effort, which is null in the response of a model without a switch for thinking", async () => {
    start();
    const answer = await whole({ input: "Hi[eog:1]", reasoning: { effort: "medium", summary: "auto" } });
    expect(answer["reasoning"]).toEqual({ effort: null, summary: null });
  });

  test("has as many counted input tokens as its response's usage reports", async () => {
    start();
    const body = { instructions: "Be kind.", input: "Hi[eog:1]", tools: [weather] };
    const counted = (await (await call("POST", "/v1/responses/input_tokens", body)).json()) as Json;
    const { usage } = await whole(body);
    expect(counted).toEqual({ object: "response.input_tokens", input_tokens: (usage as Json)["input_tokens"] });
  });

  test("has the same number of tokens when it is repeated; all but the last are then cached", async () => {
    start({ slots: 1 });
    const usage = async () => (await whole({ input: "Hi[eog:1]" }))["usage"] as Json;
    const { input_tokens: tokens } = await usage();
    expect(await usage()).toMatchObject({
      input_tokens: tokens,
      input_tokens_details: { cached_tokens: Number(tokens) - 1 },
    });
  });

  test("of Codex is answered", async () => {
    start();
    const answer = await whole({
      model: "gpt-5",
      input: [{ type: "message", id: "msg_1", role: "user", content: [{ type: "input_text", text: "hi[eog:1]" }] }],
      tools: [
        { ...weather, description: "d", strict: false },
        { type: "web_search", external_web_access: false },
      ],
      ...{ tool_choice: "auto", parallel_tool_calls: true, reasoning: { summary: "auto" }, store: false },
      ...{ include: ["reasoning.encrypted_content"], prompt_cache_key: "01a1", text: { verbosity: "low" } },
      client_metadata: { session_id: "01a1" },
    });
    const echo = { store: false, text: { format: { type: "text" } }, truncation: "disabled" };
    expect(answer).toMatchObject({ ...echo, tools: [{ name: "weather" }], temperature: 1, top_p: 1 });
  });

  test("with another method gets an error of this dialect, and the path without /v1 is served", async () => {
    start();
    const upgrade = { connection: "Upgrade", upgrade: "websocket" };
    expect(await refusal(call("GET", "/v1/responses", undefined, upgrade))).toMatchObject({ status: 405, param: null });
    expect((await call("POST", "/responses", { input: "Hi[eog:1]" })).status).toBe(200);
  });
});
