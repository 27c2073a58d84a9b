import { genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import { CountTokensRequestSchema, type CountTokensRequest } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { conversationOf } from "./request.ts";
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
