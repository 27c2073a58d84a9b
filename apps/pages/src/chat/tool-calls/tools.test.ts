// Shows how tool calls stream and become part of the next request, and which lists of tools are valid.
import { requestLimits, ToolsSchema, type TokenEvent } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { messagesOfCalls, prettyArguments, withCall, withCuts, withEscapes, type ToolCall } from "./tool-calls.ts";
import { readTools, toolLimits, toolsExample } from "./tool-list.ts";

function token(part: "call" | "arguments", index: number, text: string, begins: object = {}): TokenEvent {
  return { type: "token", stream_id: "job-1", index: 0, t_ms: 0, part, text, call: { index, ...begins } };
}

const two: readonly ToolCall[] = [
  { index: 0, id: "a", name: "get_weather", arguments: '{"city":"Bern"}' },
  { index: 1, id: "b", name: "get_time", arguments: "{}" },
];

describe("calls", () => {
  it("are put together from pieces, each for its call", () => {
    const events = [
      token("call", 0, "", { id: "a", name: "get_weather" }),
      token("arguments", 0, '{"city":'),
      token("arguments", 0, '"Bern"}'),
      token("call", 1, "", { id: "b", name: "get_time" }),
      token("arguments", 1, "{}"),
    ];
    expect(events.reduce<readonly ToolCall[]>(withCall, [])).toEqual(two);
  });

  it("are marked if the end of the answer has cut them off", () => {
    const message = {
      role: "assistant" as const,
      content: null,
      tool_calls: [
        { id: "b", type: "function" as const, function: { name: "get_time", arguments: "{" }, cut: true as const },
      ],
    };
    expect(withCuts(two, message).map(({ cut }) => cut)).toEqual([undefined, true]);
    expect(withCuts(two, undefined)).toBe(two);
  });

  it("are shown with indented arguments once these are complete", () => {
    expect(prettyArguments({ arguments: '{"city":"Bern","days":[1]}' })).toBe(
      '{\n  "city": "Bern",\n  "days": [\n    1\n  ]\n}',
    );
    expect(prettyArguments({ arguments: '{"city":"Be' })).toBe('{"city":"Be');
    expect(withEscapes('{\n\t"a": "exe.\u202etxt\u2066\u200f\u001b שלום 👩‍🚀"}')).toBe(
      '{\n\t"a": "exe.\\u202etxt\\u2066\\u200f\\u001b שלום 👩‍🚀"}',
    );
    // Invisible characters that writing needs stay only where it needs them.
    expect(withEscapes("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 1\ufe0f\u20e3")).toBe(
      "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 1\ufe0f\u20e3",
    );
    expect(withEscapes("a\u200db\u200cc\ufe0f\u2800\ufff9")).toBe("a\\u200db\\u200cc\\ufe0f\\u2800\\ufff9");
    expect(withEscapes("\u061c\u200e\u202a\u2066\u2069\ufeff")).toBe("\\u061c\\u200e\\u202a\\u2066\\u2069\\ufeff");
    expect(withEscapes("a\u00adb\u2063c\u2028d\u{e0041}❤️")).toBe("a\\u00adb\\u2063c\\u2028d\\udb40\\udc41❤️");
  });

  it("are in the next request with their results, and are left out without results", () => {
    const answer = { text: "", thoughts: "Hm.", calls: two };
    const results = [
      { callId: "b", name: "get_time", text: "noon" },
      { callId: "a", name: "get_weather", text: "rain" },
    ];
    expect(messagesOfCalls(answer, results)).toEqual([
      {
        role: "assistant",
        content: null,
        reasoning_content: "Hm.",
        tool_calls: [
          { id: "a", type: "function", function: { name: "get_weather", arguments: '{"city":"Bern"}' } },
          { id: "b", type: "function", function: { name: "get_time", arguments: "{}" } },
        ],
      },
      { role: "tool", content: "rain", tool_call_id: "a" },
      { role: "tool", content: "noon", tool_call_id: "b" },
    ]);
    expect(messagesOfCalls(answer, results.slice(1))).toBeUndefined();
    expect(messagesOfCalls({ text: "hello" }, results)).toBeUndefined();
  });
});

describe("a list of tools", () => {
  it("is valid in OpenAI's format, here and at the worker", () => {
    expect(ToolsSchema.parse(readTools(toolsExample))).toHaveLength(1);
    expect(readTools("  ")).toEqual([]);
  });

  it.each([
    ["[", /^Not JSON: /],
    ["{}", /^Tools are a list/],
    [JSON.stringify(Array(toolLimits.tools + 1).fill({})), /^At most 128 tools/],
    ["[{}]", /^Tool 1: it has no "type"/],
    ['[{"type": "function"}]', /^Tool 1: it has no "function"/],
    ['[{"type": "function", "function": {"name": "a b"}}]', /^Tool 1: its name has/],
    ['[{"type": "function", "function": {"name": "a", "description": 1}}]', /^Tool 1: its description/],
    ['[{"type": "function", "function": {"name": "a", "parameters": []}}]', /^Tool 1: its parameters/],
  ])("is refused with the problem: %s", (text, sentence) => {
    expect(() => readTools(text)).toThrow(sentence);
    // The worker refuses the same lists.
    if (text !== "[") expect(ToolsSchema.safeParse(JSON.parse(text)).success).toBe(false);
  });

  it("has the limits of a request", () => {
    const { tools, toolsChars, toolNameChars, schemaChars } = requestLimits;
    expect(toolLimits).toEqual({ tools, chars: toolsChars, nameChars: toolNameChars });
    expect(toolLimits.chars).toBe(schemaChars);
  });

  it("is refused if two tools have the same name", () => {
    const tool = { type: "function", function: { name: "a" } };
    expect(() => readTools(JSON.stringify([tool, tool]))).toThrow("Two tools are called a.");
  });
});
