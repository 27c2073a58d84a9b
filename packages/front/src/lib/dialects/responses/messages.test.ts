import type { ResponseItem } from "@waggle/protocol";
import { expect, test } from "vitest";
import { messagesOf } from "./messages.ts";

const thought = (text: string): ResponseItem => ({ type: "reasoning", summary: [{ type: "summary_text", text }] });
const answer = (content: string): ResponseItem => ({ type: "message", role: "assistant", content });
const asked = (content: string): ResponseItem => ({ type: "message", role: "user", content });
const call = (id: string): ResponseItem => ({ type: "function_call", call_id: id, name: "f", arguments: "{}" });
const result = (id: string): ResponseItem => ({ type: "function_call_output", call_id: id, output: id });
const called = (id: string) => ({ id, type: "function", function: { name: "f", arguments: "{}" } });

test("thoughts, words and calls that follow each other are one message", () => {
  expect(
    messagesOf(undefined, [asked("q"), thought("t"), answer("w"), call("a"), call("b"), result("a"), result("b")]),
  ).toEqual([
    { role: "user", content: "q" },
    { role: "assistant", reasoning_content: "t", content: "w", tool_calls: [called("a"), called("b")] },
    { role: "tool", tool_call_id: "a", content: "a" },
    { role: "tool", tool_call_id: "b", content: "b" },
  ]);
});

test("what begins anew is another message", () => {
  expect(
    messagesOf("i", [
      thought("1"),
      call("a"),
      result("a"),
      thought("2"),
      thought("3"),
      answer("x"),
      answer("y"),
      thought("4"),
    ]),
  ).toEqual([
    { role: "system", content: "i" },
    { role: "assistant", reasoning_content: "1", content: "", tool_calls: [called("a")] },
    { role: "tool", tool_call_id: "a", content: "a" },
    { role: "assistant", reasoning_content: "2", content: "" },
    { role: "assistant", reasoning_content: "3", content: "x" },
    { role: "assistant", content: "y" },
    { role: "assistant", reasoning_content: "4", content: "" },
  ]);
});

test("thoughts in their own words go before a summary of them", () => {
  const both: ResponseItem = {
    type: "reasoning",
    summary: [{ type: "summary_text", text: "short" }],
    content: [{ type: "reasoning_text", text: "long" }],
  };
  expect(messagesOf(undefined, [asked("q"), both, { type: "reasoning", summary: [] }])).toEqual([
    { role: "user", content: "q" },
    { role: "assistant", reasoning_content: "long", content: "" },
  ]);
});

test.each([
  ["nothing", undefined, [{ role: "user", content: "" }]],
  [
    "instructions alone",
    "i",
    [
      { role: "system", content: "i" },
      { role: "user", content: "" },
    ],
  ],
])("of %s", (_, instructions, expected) => {
  expect(messagesOf(instructions, [])).toEqual(expected);
});
