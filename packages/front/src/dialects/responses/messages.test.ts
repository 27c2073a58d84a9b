import type { ResponseItem } from "@waggle/protocol";
import { expect, test } from "vitest";
import { messagesOf } from "./messages.ts";

const thought = (text: string): ResponseItem => ({ type: "reasoning", summary: [{ type: "summary_text", text }] });
const answer = (content: string): ResponseItem => ({ type: "message", role: "assistant", content });
const asked = (content: string): ResponseItem => ({ type: "message", role: "user", content });
const call = (id: string): ResponseItem => ({ type: "function_call", call_id: id, name: "f", arguments: "{}" });
const result = (id: string): ResponseItem => ({ type: "function_call_output", call_id: id, output: id });
const called = (id: string) => ({ id, type: "function", function: { name: "f", arguments: "{}" } });

test("reasoning or a text begins a new message if it follows a result or a text; reasoning also if it follows reasoning", () => {
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

test.each([
  ["a text after the call", [call("0"), answer("A")], { content: "A", tool_calls: [called("0")] }],
  [
    "texts before and after the call",
    [answer("A"), call("0"), answer("B"), answer(""), answer("C"), call("1")],
    { content: "A\n\nB\n\nC", tool_calls: [called("0"), called("1")] },
  ],
  [
    "reasoning before and after the call",
    [thought("a"), call("0"), thought("b"), { type: "reasoning" }, call("1")],
    { reasoning_content: "a\n\nb", content: "", tool_calls: [called("0"), called("1")] },
  ],
  [
    "reasoning and a text after the call",
    [call("0"), thought("a"), answer("A"), thought("b")],
    { reasoning_content: "a\n\nb", content: "A", tool_calls: [called("0")] },
  ],
] satisfies [string, ResponseItem[], object][])(
  "items between a call and its result join the call's message: %s",
  (_, items, said) => {
    expect(messagesOf(undefined, [asked("q"), ...items, result("0"), answer("z")])).toEqual([
      { role: "user", content: "q" },
      { role: "assistant", ...said },
      { role: "tool", tool_call_id: "0", content: "0" },
      { role: "assistant", content: "z" },
    ]);
  },
);

test("an answer with a call ends before a message of another role", () => {
  expect(messagesOf(undefined, [call("0"), asked("q"), answer("A")])).toEqual([
    { role: "assistant", content: "", tool_calls: [called("0")] },
    { role: "user", content: "q" },
    { role: "assistant", content: "A" },
  ]);
});
