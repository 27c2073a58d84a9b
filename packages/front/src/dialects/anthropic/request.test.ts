import { genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import { CountTokensRequestSchema, type CountTokensRequest } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { levels, switchable } from "../../testing/chat-formats.ts";
import { conversationOf } from "./request.ts";
import { mayThink } from "./thinking.ts";

const hello = [{ role: "user", content: "Hello" }];
const parse = (more: object): CountTokensRequest => CountTokensRequestSchema.parse({ messages: hello, ...more });
const optionsOf = (more: object, format: ChatFormat = genericFormat) => conversationOf(parse(more), format).options;

const weather = { name: "weather", description: "Of a city.", input_schema: { type: "object" } };

describe("tools", () => {
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
});

describe("thoughts", () => {
  test.each<[string, object, ChatFormat, object]>([
    ["are off by default if the model has a switch", {}, switchable, { enable_thinking: false }],
    [
      "are on with a budget",
      { type: "enabled", budget_tokens: 9 },
      switchable,
      { enable_thinking: true, thinking_budget_tokens: 9 },
    ],
    ["are on without a budget if the model may choose", { type: "adaptive" }, switchable, { enable_thinking: true }],
    ["are off when asked", { type: "disabled" }, switchable, { enable_thinking: false }],
    [
      "have a budget if the model always thinks",
      { type: "enabled", budget_tokens: 9 },
      levels,
      { thinking_budget_tokens: 9 },
    ],
    ["cannot be disabled if the model always thinks", { type: "disabled" }, levels, {}],
    ["are never on if the model cannot think", { type: "enabled", budget_tokens: 9 }, genericFormat, {}],
    ["are never on if the model cannot think, even if it may choose", { type: "adaptive" }, genericFormat, {}],
  ])("%s", (_, thinking, of, expected) => {
    const fields = "type" in thinking ? { thinking } : {};
    const { tools: _tools, ...options } = optionsOf(fields, of);
    expect(options).toEqual(expected);
    const on = "enable_thinking" in expected ? expected.enable_thinking : of === levels;
    expect(mayThink(parse(fields), of)).toBe(on);
  });

  test("use the effort if the model has effort levels; Anthropic's highest effort becomes the model's highest", () => {
    expect(optionsOf({ output_config: { effort: "low" } }, levels)).toMatchObject({ reasoning_effort: "low" });
    expect(optionsOf({ output_config: { effort: "max" } }, levels)).toMatchObject({ reasoning_effort: "high" });
    expect(optionsOf({ output_config: { effort: "max" } }, switchable)).not.toHaveProperty("reasoning_effort");
  });
});
