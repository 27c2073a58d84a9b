// Tests the parts of an answer. The engine finds them in the model's text; the native and OpenAI's dialect send each part exactly once.
import type { EndEvent, StreamEvent, TokenEvent } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { readEvents } from "../../testing/events.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, post } = useInlineWorker();

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const calling = '<think>Hm.</think>Look:\n<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>';

/** The fake answers with the text in the last message. */
function asking(say: string, more: object = {}): object {
  return { messages: [{ role: "user", content: `[say:${encodeURIComponent(say)}]` }], temperature: 0, ...more };
}

async function native(body: object): Promise<{ tokens: TokenEvent[]; end: EndEvent }> {
  const { events } = await readEvents(await post("/v1/inference", body)).rest();
  const end = events.at(-1);
  if (end?.type !== "end") throw new Error(`The stream ended with ${JSON.stringify(end)}`);
  return { tokens: events.filter((event: StreamEvent): event is TokenEvent => event.type === "token"), end };
}

/** The joined texts of all tokens of a part. */
function said(tokens: readonly TokenEvent[], part: TokenEvent["part"]): string {
  return tokens.flatMap((token) => (token.part === part ? [token.text] : [])).join("");
}

const odd = "files/read:all.天気-".repeat(5);
const fn = { name: odd, parameters };
const responsesTool = { type: "function", ...fn };
const saying = `[say:${encodeURIComponent(calling.replace("weather", odd))}]`;
const chat = {
  messages: [{ role: "user", content: saying }],
  tools: [{ type: "function", function: fn }],
  temperature: 0,
};

it.each([
  ["/v1/inference", chat],
  ["/v1/chat/completions", chat],
  ["/v1/responses", { input: saying, tools: [responsesTool], temperature: 0 }],
  ["/v1/messages", { ...chat, max_tokens: 900, tools: [{ name: odd, input_schema: parameters }] }],
  ["/api/chat", { ...chat, model: "waggle-fake", stream: false }],
])("%s takes tool names of 90 characters with / : and letters of any script, and calls them", async (path, body) => {
  start();
  const response = await post(path, body);
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining(`"name":"${odd}"`)]);
});

describe("the native dialect", () => {
  it("has the part of each token, and the whole message at the end", async () => {
    start();
    const { tokens, end } = await native(asking(calling, { tools }));
    expect(said(tokens, "reasoning")).toBe("Hm.");
    expect(said(tokens, undefined)).toBe("Look:");
    expect(said(tokens, "arguments")).toBe('{"city": "Bern"}');
    const [call] = tokens.filter(({ part }) => part === "call");
    expect(call?.call).toMatchObject({ index: 0, name: "weather", id: expect.stringMatching(/^call_\w+$/) });
    expect(end).toMatchObject({
      finish_reason: "stop",
      stopped_by: "end",
      message: {
        role: "assistant",
        content: "Look:",
        reasoning_content: "Hm.",
        tool_calls: [
          { id: call?.call?.id, type: "function", function: { name: "weather", arguments: '{"city": "Bern"}' } },
        ],
      },
    });
    expect(tokens.map(({ index }) => index)).toEqual(tokens.map((_, i) => i));
    expect(
      tokens.flatMap(({ ids = [] }) => ids),
      "every token but the one that ends it",
    ).toHaveLength(end.usage.completion_tokens - 1);
  });

  it("accepts its own message and the result of a call as history", async () => {
    start();
    const { end } = await native(asking(calling, { tools }));
    const result = { role: "tool", tool_call_id: end.message?.tool_calls?.[0]?.id, content: "sunny [say:Fine]" };
    const messages = [{ role: "user", content: "Weather?" }, end.message, result];
    expect((await native({ messages, tools })).end.message).toEqual({ role: "assistant", content: "Fine" });
  });

  it("answers a plain prompt with plain text", async () => {
    start();
    const { tokens, end } = await native({ prompt: `[say:${encodeURIComponent(calling)}]` });
    expect(tokens.map(({ text }) => text).join("")).toBe(calling);
    expect(end.message).toBeUndefined();
    const refused = await post("/v1/inference", { prompt: "a", tools });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining("it needs messages")]);
  });

  it("sends an unreadable call as content, and logs the number of such calls", async () => {
    start();
    const odd = '<tool_call>{"name": "weather"; none}</tool_call>';
    const { end } = await native(asking(odd, { tools }));
    expect(end.message).toEqual({ role: "assistant", content: odd });
    expect(worker.logLines).toContainEqual(expect.objectContaining({ msg: "tool_call_unreadable", calls: 1 }));
  });

  it("applies stop strings only to content", async () => {
    start();
    const { end } = await native(asking(`${calling}.`, { tools, stop: ["Bern", "Hm"] }));
    expect(end).toMatchObject({ stopped_by: "end", message: { reasoning_content: "Hm." } });
    expect((await native(asking("Hello Bern, hello", { stop: "Bern" }))).end).toMatchObject({
      finish_reason: "stop",
      stopped_by: "stop_string",
      message: { content: "Hello " },
    });
  });
});

describe("OpenAI's dialect", () => {
  it("has the same parts streamed and collected", async () => {
    start();
    const body = asking(calling, { tools });
    const collected = (await (await post("/v1/chat/completions", body)).json()) as { choices: unknown[] };
    const message = { content: "Look:", reasoning_content: "Hm." };
    const call = { type: "function", function: { name: "weather", arguments: '{"city": "Bern"}' } };
    expect(collected.choices).toMatchObject([
      { message: { ...message, tool_calls: [call] }, finish_reason: "tool_calls" },
    ]);
    const lines = (await (await post("/v1/chat/completions", { ...body, stream: true })).text()).split("\n");
    const deltas = lines
      .filter((line) => line.startsWith("data: {"))
      .map(
        (line) => (JSON.parse(line.slice(6)) as { choices: { delta: Record<string, unknown> }[] }).choices[0]?.delta,
      );
    const texts = (key: string): string =>
      deltas
        .map((delta) => delta?.[key])
        .filter((text) => typeof text === "string")
        .join("");
    expect([texts("reasoning_content"), texts("content")]).toEqual(["Hm.", "Look:"]);
    expect(deltas.filter((delta) => delta?.["tool_calls"] !== undefined).length).toBeGreaterThan(2);
  });

  it("keeps the parts of different choices separate", async () => {
    start({ slots: 2 });
    const body = asking(calling, { tools, n: 2 });
    const { choices } = (await (await post("/v1/chat/completions", body)).json()) as { choices: unknown[] };
    const message = { reasoning_content: "Hm.", tool_calls: [{ function: { arguments: '{"city": "Bern"}' } }] };
    expect(choices).toMatchObject([
      { index: 0, message },
      { index: 1, message },
    ]);
  });

  const conversation = { messages: [{ role: "user", content: "[say:a]" }], max_tokens: 5 };
  const routes: readonly [string, object][] = [
    ["/v1/inference", conversation],
    ["/v1/chat/completions", conversation],
    ["/v1/responses", { input: "[say:a]", max_output_tokens: 16 }],
    ["/v1/responses/input_tokens", { input: "[say:a]" }],
    ["/v1/messages", conversation],
    ["/v1/messages/count_tokens", conversation],
    ["/api/chat", { ...conversation, stream: false }],
    ["/api/generate", { prompt: "[say:a]", stream: false }],
    ["/apply-template", conversation],
  ];

  it.each(routes)(
    "%s accepts a switch that has no effect on the model, and refuses by name a switch that the model lacks",
    async (path, body) => {
      start();
      const outcome = async (more: object): Promise<readonly [number, string]> => {
        const answer = await post(path, { ...body, model: "waggle-fake", ...more });
        return [answer.status, await answer.text()];
      };
      for (const holds of [
        { enable_thinking: false },
        { chat_template_kwargs: { enable_thinking: false } },
        { chat_template_kwargs: { thinking: false } },
        { enable_thinking: null, chat_template_kwargs: null },
      ]) {
        expect(await outcome(holds), JSON.stringify(holds)).toEqual([200, expect.anything()]);
      }
      for (const [field, cannot] of [
        ["enable_thinking", { enable_thinking: true }],
        ["chat_template_kwargs.enable_thinking", { chat_template_kwargs: { enable_thinking: true } }],
        ["chat_template_kwargs.colour", { chat_template_kwargs: { colour: 1 } }],
      ] as const) {
        expect(await outcome(cannot), field).toEqual([400, expect.stringContaining(field)]);
      }
    },
  );

  it("asks the client to retry when only the loaded model knows the answer's format", async () => {
    start({ loadLater: true });
    const refused = await post("/v1/chat/completions", asking(calling, { tools }));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    worker.load();
    expect((await post("/v1/chat/completions", asking(calling, { tools }))).status).toBe(200);
  });
});
