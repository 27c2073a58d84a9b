import { expect, test } from "vitest";
import { toolOptionsOf, withoutFunctions } from "./functions.ts";

const about = { name: "f", parameters: { type: "object" } };
const tool = { type: "function", function: about };

test.each([
  ["auto by default", undefined, undefined],
  ["a word as it is", "none", "none"],
  ["one by its name", { name: "f" }, { type: "function", function: { name: "f" } }],
] as const)("functions are tools of which one is called at a time: %s", (_, choice, wanted) => {
  expect(toolOptionsOf({ functions: [about], function_call: choice })).toEqual({
    tools: [tool],
    tool_choice: wanted,
    parallel_tool_calls: false,
  });
});

test("tools stay as they are, and exclude functions", () => {
  const tools = [{ type: "function" as const, function: about }];
  expect(toolOptionsOf({ tools, tool_choice: "auto" })).toMatchObject({ tools, tool_choice: "auto" });
  expect(() => toolOptionsOf({ tools, functions: [about] })).toThrow('"functions"');
  expect(() => toolOptionsOf({ function_call: "auto" })).toThrow('"function_call"');
});

test("each result belongs to the call before it", () => {
  const call = (name: string) => ({
    role: "assistant" as const,
    content: null,
    function_call: { name, arguments: "{}" },
  });
  const result = (content: string | null) => ({ role: "function" as const, name: "f", content });
  const messages = withoutFunctions([call("f"), result("one"), call("g"), result(null)]);
  const called = (id: string, name: string) => ({
    role: "assistant",
    content: null,
    tool_calls: [{ id, type: "function", function: { name, arguments: "{}" } }],
  });
  expect(messages).toEqual([
    called("call_1", "f"),
    { role: "tool", content: "one", tool_call_id: "call_1" },
    called("call_2", "g"),
    { role: "tool", content: "", tool_call_id: "call_2" },
  ]);
});
