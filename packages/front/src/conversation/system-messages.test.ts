import type { PromptMessage as ChatMessage } from "./parts.ts";
import { expect, test } from "vitest";
import { withOneSystemMessage } from "./system-messages.ts";

const system = (content: string): ChatMessage => ({ role: "system", content });
const developer = (content: string): ChatMessage => ({ role: "developer", content });
const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });
const tool = (content: string): ChatMessage => ({ role: "tool", tool_call_id: "a", content });
const calling: ChatMessage = {
  role: "assistant",
  content: "",
  tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
};
const told = (text: string): string => `<system>\n${text}\n</system>`;

test.each<[string, readonly ChatMessage[], readonly ChatMessage[]]>([
  ["without system messages", [user("a")], [user("a")]],
  ["at the start: joined to one message", [system("a"), developer("b"), user("c")], [system("a\n\nb"), user("c")]],
  ["only a developer message", [developer("a")], [system("a")]],
  ["after the user", [user("a"), system("b"), assistant("c")], [user(`a\n\n${told("b")}`), assistant("c")]],
  ["before the user", [assistant("a"), system("b"), user("c")], [assistant("a"), user(`${told("b")}\n\nc`)]],
  ["at the end", [assistant("a"), system("b")], [assistant("a"), user(told("b"))]],
  [
    "between two answers",
    [assistant("a"), system("b"), assistant("c")],
    [assistant("a"), user(told("b")), assistant("c")],
  ],
  ["between a call and its result", [calling, system("b"), tool("c")], [calling, tool(`c\n\n${told("b")}`)]],
  ["after a result", [calling, tool("c"), system("b")], [calling, tool(`c\n\n${told("b")}`)]],
])("instructions become one system message, or part of a message: %s", (_, messages, expected) => {
  expect(withOneSystemMessage(messages)).toEqual(expected);
});

test("the parts of a user message stay parts if no instructions are added", () => {
  const parts: ChatMessage = {
    role: "user",
    content: [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ],
  };
  expect(withOneSystemMessage([parts])).toEqual([parts]);
});

test("pictures stay at their places among instructions", () => {
  const text = (said: string) => ({ type: "text" as const, text: said });
  const picture = { type: "image_url" as const, image_url: { url: "sha256:x" } };
  const look: ChatMessage = { role: "user", content: [picture, text("a")] };
  const shown: ChatMessage = { role: "developer", content: [text("b"), picture] };
  expect(withOneSystemMessage([system("c"), shown, look])).toEqual([
    { role: "system", content: [text("c\n\nb"), picture] },
    look,
  ]);
  expect(withOneSystemMessage([look, system("b"), shown])).toEqual([
    {
      role: "user",
      content: [picture, text(`a\n\n${told("b")}\n\n<system>`), text("b"), picture, text("</system>")],
    },
  ]);
  expect(withOneSystemMessage([assistant("a"), system("b"), look])).toEqual([
    assistant("a"),
    { role: "user", content: [text(told("b")), picture, text("a")] },
  ]);
});
