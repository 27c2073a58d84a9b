import { CountTokensRequestSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { chatMessagesOf } from "./messages.ts";

const read = (body: object) => chatMessagesOf(CountTokensRequestSchema.parse(body));
const text = (words: string) => ({ type: "text", text: words });
const call = (id: string, input: object = {}) => ({ type: "tool_use", id, name: "look", input });
const result = (id: string, content: unknown, more: object = {}) => ({
  type: "tool_result",
  tool_use_id: id,
  content,
  ...more,
});
const user = (...content: object[]) => ({ role: "user", content });
const assistant = (...content: object[]) => ({ role: "assistant", content });
const system = (content: string) => ({ role: "system", content });
const called = (...ids: string[]) => ({
  role: "assistant",
  content: "",
  tool_calls: ids.map((id) => ({ id, type: "function", function: { name: "look", arguments: "{}" } })),
});

describe("blocks become messages", () => {
  test("empty blocks, which keep-alive deltas make, are left out", () => {
    const empty = [text(""), { type: "thinking", thinking: "", signature: "" }];
    const messages = [user(text("a")), assistant(...empty, text("b")), user(text("c")), assistant(...empty)];
    expect(read({ system: "", messages })).toEqual([
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      { role: "user", content: "c" },
    ]);
  });

  test.each<[string, object, object[]]>([
    ["an empty message of the assistant", { messages: [assistant(text(""))] }, []],
    ["an empty system message", { messages: [system("")] }, []],
    ["only instructions", { messages: [system("s")] }, [system("s")]],
    ["instructions and an empty answer", { system: "s", messages: [assistant()] }, [system("s")]],
  ])("%s: an empty user message is added, since templates need a user message", (_, body, told) => {
    expect(read(body)).toEqual([...told, { role: "user", content: "" }]);
  });
});

describe("the billing line", () => {
  const line = (turn: number) => `x-anthropic-billing-header: cc_version=2.1.${turn}; cch=${turn}f;`;

  test("is dropped, as a whole block or before the rest of a text", () => {
    const messages = [{ role: "user", content: "a" }];
    const told = [{ role: "system", content: "You are." }, ...messages];
    for (const turn of [1, 2]) {
      expect(read({ system: [text(line(turn)), text("You are.")], messages })).toEqual(told);
      expect(read({ system: [text("You are."), text(line(turn))], messages })).toEqual(told);
      expect(read({ system: `${line(turn)}\nYou are.`, messages })).toEqual(told);
      expect(read({ messages: [system(`${line(turn)}\n\nYou are.`), ...messages] })).toEqual(told);
    }
    expect(read({ system: line(1), messages })).toEqual(messages);
  });

  test("stays in the middle of a text, and in a user's message", () => {
    const messages = [{ role: "user", content: line(1) }];
    expect(read({ system: `Drop ${line(1)}`, messages })).toEqual([
      { role: "system", content: `Drop ${line(1)}` },
      ...messages,
    ]);
  });
});

describe("system messages within the conversation", () => {
  const now = "<system>\nnow\n</system>";

  test.each<[string, object[], object[]]>([
    [
      "before all other messages join the system prompt",
      [system("now"), user(text("a"))],
      [
        { role: "system", content: "s\n\nnow" },
        { role: "user", content: "a" },
      ],
    ],
    [
      "after a user message become part of that message",
      [user(text("a")), system("now")],
      [{ role: "user", content: `a\n\n${now}` }],
    ],
    [
      "after an answer become part of the next user message",
      [assistant(text("a")), system("now"), user(text("b"))],
      [
        { role: "assistant", content: "a" },
        { role: "user", content: `${now}\n\nb` },
      ],
    ],
    [
      "between two answers become a user message",
      [user(text("a")), assistant(text("b")), system("now"), assistant(text("d")), user(text("e"))],
      [
        { role: "user", content: "a" },
        { role: "assistant", content: "b" },
        { role: "user", content: now },
        { role: "assistant", content: "d" },
        { role: "user", content: "e" },
      ],
    ],
    [
      "at the end become a user message",
      [assistant(text("a")), system("now")],
      [
        { role: "assistant", content: "a" },
        { role: "user", content: now },
      ],
    ],
    [
      "after a result become part of the result",
      [assistant(call("c")), user(result("c", "r")), system("now")],
      [called("c"), { role: "tool", tool_call_id: "c", content: `r\n\n${now}` }],
    ],
    [
      "between a call and its result become part of the result",
      [assistant(call("c")), system("now"), user(result("c", "r"))],
      [called("c"), { role: "tool", tool_call_id: "c", content: `r\n\n${now}` }],
    ],
    [
      "between a call and its result become part of the text after the result",
      [assistant(call("c")), system("now"), user(result("c", "r"), text("b"))],
      [called("c"), { role: "tool", tool_call_id: "c", content: "r" }, { role: "user", content: `${now}\n\nb` }],
    ],
    ["without text are left out", [user(text("a")), system("")], [{ role: "user", content: "a" }]],
  ])("%s", (_, messages, expected) => {
    const first = messages[0] as { role: string };
    const read_ = read({ system: "s", messages });
    expect(read_.slice(first.role === "system" ? 0 : 1)).toEqual(expected);
    expect(read_[0]?.role).toBe("system");
    expect(read_.filter(({ role }) => role === "system")).toHaveLength(1);
  });

  test("do not change the prompt before them", () => {
    const before = [user(text("a")), assistant(call("c")), user(result("c", "r")), system("now")];
    const after = [...before, assistant(text("b")), system("then"), user(text("d"))];
    expect(read({ messages: after }).slice(0, 3)).toEqual(read({ messages: before }));
  });
});
