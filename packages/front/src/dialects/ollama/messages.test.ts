import { OllamaMessageSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { chatMessagesOf } from "./messages.ts";

const converted = (...messages: readonly unknown[]) =>
  chatMessagesOf(messages.map((message) => OllamaMessageSchema.parse(message)));
const call = (name: string, args: object, id?: string) => ({ id, function: { name, arguments: args } });

describe("a conversation", () => {
  test("has roles in any capitals, and nothing where there is no content", () => {
    expect(converted({ role: "System", content: "Be kind." }, { role: "USER" }, { role: "user", images: [] })).toEqual([
      { role: "system", content: "Be kind." },
      { role: "user", content: "" },
      { role: "user", content: "" },
    ]);
  });

  test("keeps thoughts, and arguments in the order in which they came", () => {
    const [message] = converted({
      role: "assistant",
      content: "Let me look.",
      thinking: "Hm.",
      tool_calls: [call("f", { b: 1, a: { z: 0, y: "ü" } })],
    });
    expect(message).toEqual({
      role: "assistant",
      content: "Let me look.",
      reasoning_content: "Hm.",
      tool_calls: [
        { id: "call_0", type: "function", function: { name: "f", arguments: '{"b":1,"a":{"z":0,"y":"ü"}}' } },
      ],
    });
  });

  test("says of each result which call it is of: by id, by tool, or by order", () => {
    const calls = {
      role: "assistant",
      tool_calls: [call("a", {}), call("b", {}), call("c", {}, "mine"), call("a", {})],
    };
    const ids = converted(
      calls,
      { role: "tool", content: "1", tool_call_id: "mine" },
      { role: "tool", content: "2", tool_name: "b" },
      { role: "tool", content: "3" },
      { role: "tool", content: "4" },
      { role: "tool", content: "5" },
    ).flatMap((message) => (message.role === "tool" ? [message.tool_call_id] : []));
    expect(ids).toEqual(["mine", "call_1", "call_0", "call_2", "call_3"]);
  });

  test.each([
    ["role", { role: "robot", content: "" }],
    ["images", { role: "user", content: "", images: ["aGk="] }],
    ["tool_calls", { role: "assistant", tool_calls: [{ function: { name: "f", arguments: "{}" } }] }],
  ])("is refused for its %s", (field, message) => {
    const { error } = OllamaMessageSchema.safeParse(message);
    expect(error?.issues[0]?.path[0]).toBe(field);
  });
});
