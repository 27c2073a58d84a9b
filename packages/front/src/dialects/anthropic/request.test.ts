import { genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import { CountTokensRequestSchema, MessagesRequestSchema, type CountTokensRequest } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { validate } from "../../body/body.ts";
import { conversationOf, translateMessages } from "./request.ts";
import { mayThink } from "./thinking.ts";

const hello = [{ role: "user", content: "Hello" }];
const parse = (more: object): CountTokensRequest => CountTokensRequestSchema.parse({ messages: hello, ...more });
const optionsOf = (more: object, format: ChatFormat = genericFormat) => conversationOf(parse(more), format).options;

const format = (abilities: Partial<ChatFormat["abilities"]>, variables: readonly string[] = []): ChatFormat => ({
  ...genericFormat,
  abilities: { ...genericFormat.abilities, ...abilities },
  inputs: { ...genericFormat.inputs, variables },
});
const switchable = format({
  thinking: "switchable",
  thinkingSwitch: { name: "enable_thinking", on: true, off: false },
});
const always = format({ thinking: "always" }, ["reasoning_effort"]);

const schema = { type: "object", properties: { city: { type: "string" } } };
const weather = { name: "weather", description: "Of a city.", input_schema: schema };
const search = { type: "web_search_20250305", name: "web_search", max_uses: 5 };

describe("tools", () => {
  test("have their schemas, and those of Anthropic's own types are left out", () => {
    const { tools } = optionsOf({ tools: [search, { ...weather, type: "custom", strict: true, defer_loading: true }] });
    expect(tools).toEqual([
      { type: "function", function: { name: "weather", description: "Of a city.", parameters: schema, strict: true } },
    ]);
  });

  test("of which one cannot be had are named as the request has them", () => {
    const { toolField } = conversationOf(parse({ tools: [search, weather] }), genericFormat);
    expect(toolField?.(0)).toBe("tools.1.input_schema");
  });

  test.each<[object, object]>([
    [{ type: "auto" }, { parallel_tool_calls: true }],
    [
      { type: "any", disable_parallel_tool_use: true },
      { tool_choice: "required", parallel_tool_calls: false },
    ],
    [{ type: "tool", name: "weather" }, { tool_choice: { type: "function", function: { name: "weather" } } }],
    [{ type: "none" }, { tool_choice: "none" }],
  ])("are chosen: %j", (choice, options) => {
    expect(optionsOf({ tools: [weather], tool_choice: choice })).toMatchObject(options);
  });

  test.each<[string, object]>([
    ["tools.0.input_schema", { name: "weather" }],
    ["tools.0.name", { ...weather, name: "the weather" }],
  ])("without a proper %s are refused", (field, tool) => {
    const refuse = (): unknown => validate(CountTokensRequestSchema, { messages: hello, tools: [tool] });
    expect(refuse).toThrow(`field "${field}"`);
  });
});

describe("thoughts", () => {
  test.each<[string, object, ChatFormat, object]>([
    ["are off where there is a switch", {}, switchable, { enable_thinking: false }],
    [
      "are on with a budget",
      { type: "enabled", budget_tokens: 9 },
      switchable,
      { enable_thinking: true, thinking_budget_tokens: 9 },
    ],
    ["are on as the model likes", { type: "adaptive" }, switchable, { enable_thinking: true }],
    ["are off when asked", { type: "disabled" }, switchable, { enable_thinking: false }],
    [
      "have a budget where they always come",
      { type: "enabled", budget_tokens: 9 },
      always,
      { thinking_budget_tokens: 9 },
    ],
    ["come anyway where they always do", { type: "disabled" }, always, {}],
    ["do not come where they never do", { type: "enabled", budget_tokens: 9 }, genericFormat, {}],
    ["nor when the model may choose", { type: "adaptive" }, genericFormat, {}],
  ])("%s", (_, thinking, of, expected) => {
    const fields = "type" in thinking ? { thinking } : {};
    const { tools: _tools, ...options } = optionsOf(fields, of);
    expect(options).toEqual(expected);
    const on = "enable_thinking" in expected ? expected.enable_thinking : of === always;
    expect(mayThink(parse(fields), of)).toBe(on);
  });

  test("take the effort where the model has levels of it, Anthropic's highest as its highest", () => {
    expect(optionsOf({ output_config: { effort: "low" } }, always)).toMatchObject({ reasoning_effort: "low" });
    expect(optionsOf({ output_config: { effort: "max" } }, always)).toMatchObject({ reasoning_effort: "high" });
    expect(optionsOf({ output_config: { effort: "max" } }, switchable)).not.toHaveProperty("reasoning_effort");
  });
});

describe("an answer", () => {
  const prefilled = (content: unknown) => optionsOf({ messages: [...hello, { role: "assistant", content }] });

  test("continues the last message of the assistant", () => {
    expect(prefilled("I say")).toMatchObject({ continue_final_message: true });
    expect(prefilled(" ")).not.toHaveProperty("continue_final_message");
    expect(prefilled([])).not.toHaveProperty("continue_final_message");
    const call = { type: "tool_use", id: "c", name: "weather", input: {} };
    expect(prefilled([{ type: "text", text: "I look" }, call])).not.toHaveProperty("continue_final_message");
  });

  test("follows a schema, by its newer or its older name", () => {
    const wanted = { type: "json_schema", schema };
    const field = "output_config.format.schema";
    expect(conversationOf(parse({ output_config: { format: wanted } }), genericFormat).schema).toEqual({
      value: schema,
      field,
    });
    expect(conversationOf(parse({ output_format: wanted }), genericFormat).schema?.field).toBe("output_format.schema");
  });
});

test.each<[string, object]>([
  ["mcp_servers", { mcp_servers: [{ type: "url", name: "x", url: "https://x" }] }],
  ["container", { container: "c1" }],
])("%s is refused by name where it asks for anything", (field, more) => {
  expect(() => optionsOf(more)).toThrow(`"${field}"`);
  expect(
    optionsOf({ mcp_servers: [], container: null, context_management: { edits: [] }, metadata: { user_id: "u" } }),
  ).toEqual({
    tools: [],
  });
});

describe("sampling", () => {
  const specOf = (more: object) =>
    translateMessages(MessagesRequestSchema.parse({ model: "m", max_tokens: 9, messages: hello, ...more }), {
      ...{ client: "c", trace: "t", sessionId: undefined, deadlineMs: undefined, model: "m", keepAliveMs: undefined },
      chatFormat: () => Promise.resolve(genericFormat),
      answerGrammar: () => Promise.resolve(""),
    });

  test("has Anthropic's defaults, and tells no logprobs", async () => {
    const spec = await specOf({});
    expect(spec.sampling).toMatchObject({ temperature: 1, top_p: 1 });
    expect(spec.topLogprobs).toBeUndefined();
  });

  test("is as it is asked for", async () => {
    const fields = { temperature: 0.25, top_p: 0.5, top_k: 7 };
    expect(await specOf(fields)).toMatchObject({ sampling: fields, maxTokens: 9 });
  });
});
