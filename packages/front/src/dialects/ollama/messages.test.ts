import { OllamaMessageSchema } from "@waggle/protocol";
import { expect, test } from "vitest";
import { chatMessagesOf } from "./messages.ts";

const converted = (...messages: readonly unknown[]) =>
  chatMessagesOf(messages.map((message) => OllamaMessageSchema.parse(message)));
const call = (name: string, args: object, id?: string) => ({ id, function: { name, arguments: args } });

test("each result is matched to its call by id, by tool name or by order", () => {
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
