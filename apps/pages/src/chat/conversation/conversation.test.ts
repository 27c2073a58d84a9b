// Shows the request for an answer: alternating roles, and the newest messages that fit into the context.
import { GenerateRequestSchema } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import type { Attachment } from "../attachments/attachment.ts";
import { newAnswer } from "./answer.ts";
import { messagesFor, requestFor, titleFor, searchText, type Conversation, type Message } from "./conversation.ts";

const you = (id: string, text: string): Message => ({ role: "user", id, text, sentAt: 0 });
const answer = (id: string, text: string): Message => ({ ...newAnswer(id, `job-${id}`, 0), phase: "done", text });
const open = { contextTokens: undefined, charsPerToken: 3 };

/** A conversation in which each message follows the message before it. */
function conversation(messages: readonly Message[], system = ""): Conversation {
  return {
    id: "chat-1",
    updatedAt: 0,
    title: "",
    settings: { system, sampling: { temperature: 0.5 } },
    chosen: {},
    turns: messages.map((message, i) => {
      const before = messages[i - 1];
      return before === undefined ? message : { ...message, parent: before.id };
    }),
  };
}

it("sends the messages before the answer, the system prompt first", () => {
  const said = conversation([you("1", "a"), answer("2", "b"), you("3", "c"), answer("4", "")], "Be kind.");
  expect(messagesFor(said, "4", open).messages).toEqual([
    { role: "system", content: "Be kind." },
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
    { role: "user", content: "c" },
  ]);
});

it("joins messages without an answer, so that the roles alternate", () => {
  const said = conversation([you("1", "a"), answer("2", ""), you("3", "b"), answer("4", "")]);
  expect(messagesFor(said, "4", open).messages).toEqual([{ role: "user", content: "a\n\nb" }]);
});

it("leaves out the oldest pairs if the context cannot hold them, but never the last message", () => {
  const long = "x".repeat(300);
  const said = conversation([
    you("1", long),
    answer("2", long),
    you("3", "b"),
    answer("4", "c"),
    you("5", long),
    answer("6", ""),
  ]);
  const fitted = messagesFor(said, "6", { contextTokens: 220, charsPerToken: 3 });
  expect(fitted.messages.map(({ content }) => content)).toEqual(["b", "c", long]);
  expect(fitted.leftOut).toBe(2);
  expect(messagesFor(said, "6", { contextTokens: 10, charsPerToken: 3 }).messages).toHaveLength(1);
});

it("sends only the messages that lead to the answer, without other branches", () => {
  const line = conversation([you("1", "a"), answer("2", "b"), you("3", "c"), answer("4", "")]);
  const other: Message[] = [
    { ...answer("2b", "another"), parent: "1" },
    { ...you("3b", "beside"), parent: "2" },
  ];
  expect(messagesFor({ ...line, turns: [...other, ...line.turns] }, "4", open).messages).toEqual([
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
    { role: "user", content: "c" },
  ]);
});

describe("a message with pictures", () => {
  const bee = (id: string): Attachment => ({
    id,
    name: `${id}.png`,
    bytes: 9,
    text: "",
    picture: { width: 4, height: 3 },
  });
  const notes: Attachment = { id: "n", name: "n.txt", bytes: 1, text: "n" };
  const look = (id: string, text: string, attachments: readonly Attachment[]): Message =>
    ({ ...you(id, text), attachments }) as Message;
  const image = (id: string): object => ({ type: "image_url", image_url: { url: `attachment:${id}` } });

  it("has its pictures before its text, and names them for a model that cannot see", () => {
    const said = conversation([look("1", "Compare.", [bee("a"), notes, bee("b")]), answer("2", "")]);
    expect(messagesFor(said, "2", open).messages).toEqual([
      {
        role: "user",
        content: [image("a"), image("b"), { type: "text", text: "File: n.txt\n```\nn\n```\n\nCompare." }],
      },
    ]);
    expect(messagesFor(said, "2", { ...open, sees: false }).messages).toEqual([
      {
        role: "user",
        content:
          "[Picture a.png: not shown, because this model cannot see pictures]\n\n[Picture b.png: not shown, because this model cannot see pictures]\n\nFile: n.txt\n```\nn\n```\n\nCompare.",
      },
    ]);
  });

  it("may have no text, and is joined to the next message if it has no answer", () => {
    const said = conversation([
      look("1", "", [bee("a")]),
      answer("2", ""),
      look("3", "And", [bee("b")]),
      answer("4", ""),
      you("5", "this?"),
      answer("6", ""),
    ]);
    expect(messagesFor(said, "6", open).messages).toEqual([
      { role: "user", content: [image("a"), image("b"), { type: "text", text: "And\n\nthis?" }] },
    ]);
  });

  it("is left out when the context cannot hold its pictures", () => {
    const said = conversation([look("1", "a", [bee("a")]), answer("2", "b"), you("3", "c"), answer("4", "")]);
    expect(messagesFor(said, "4", { contextTokens: 2_100, charsPerToken: 3 }).leftOut).toBe(0);
    expect(messagesFor(said, "4", { contextTokens: 1_900, charsPerToken: 3 }).leftOut).toBe(2);
  });
});

it("begins with a message, also if the first message was deleted", () => {
  const said = conversation([
    answer("1", "left over"),
    you("2", "a"),
    answer("3", "b"),
    you("4", "c"),
    answer("5", ""),
  ]);
  expect(messagesFor(said, "5", open)).toEqual({
    messages: [
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      { role: "user", content: "c" },
    ],
    leftOut: 0,
  });
});

it("requests the rest of an answer that has begun", () => {
  const said = conversation([you("1", "a"), answer("2", "So far")]);
  const fitted = messagesFor(said, "2", open);
  expect(fitted.messages).toEqual([
    { role: "user", content: "a" },
    { role: "assistant", content: "So far" },
  ]);
  const asked = requestFor(said, newAnswer("2", "job-2", 0), { ...fitted, contextTokens: 512 });
  expect(asked).toMatchObject({ continue_final_message: true });
});

it("requests a job that continues without a reader, with an id, a session and a token limit", () => {
  const said = conversation([you("1", "a"), answer("2", "")]);
  const room = { messages: messagesFor(said, "2", open).messages, contextTokens: 512 };
  const asked = requestFor(said, newAnswer("2", "job-2", 0), room);
  expect(asked).toMatchObject({ job_id: "job-2", session_id: "chat-1", on_disconnect: "continue", temperature: 0.5 });
  expect(asked).toMatchObject({ max_tokens: 512 });
  expect(asked).not.toHaveProperty("model");
  expect(asked).not.toHaveProperty("continue_final_message");
  expect(requestFor(said, { ...newAnswer("2", "job-2", 0), model: "small" }, room)).toMatchObject({ model: "small" });
  expect(
    requestFor(said, newAnswer("2", "job-2", 0), { ...room, contextTokens: undefined }).max_tokens,
  ).toBeGreaterThan(0);
  const limited = { ...said, settings: { system: "", sampling: { max_tokens: 7 } } };
  expect(requestFor(limited, newAnswer("2", "job-2", 0), room)).toMatchObject({ max_tokens: 7 });
});

it("a conversation takes its title from its first message", () => {
  expect(titleFor({ text: `  hello\n${"x".repeat(199)}` })).toMatch(/^hello x+…$/);
  expect(titleFor({ text: `${"x".repeat(158)}🐝🐝` })).toBe(`${"x".repeat(158)}…`);
  expect(titleFor({ text: " ", attachments: [{ id: "f", name: "bees.md", bytes: 1, text: "x" }] })).toBe("bees.md");
});

it("a conversation is searched in messages, in results of calls, and in names of files", () => {
  const attachments = [{ id: "f", name: "notes.txt", bytes: 1, text: "honey" }];
  const results = [{ callId: "a", name: "get_weather", text: "rain" }];
  expect(searchText({ role: "user", id: "1", sentAt: 0, text: "Read.", attachments })).toBe("Read.\nnotes.txt");
  expect(searchText({ role: "user", id: "1", sentAt: 0, text: "", results })).toBe("rain");
  expect(searchText(answer("2", "b"))).toBe("b");
});

describe("calls of tools", () => {
  const calls = [{ index: 0, id: "a", name: "get_weather", arguments: "{}" }];
  const calling: Message = { ...newAnswer("2", "job-2", 0), phase: "done", text: "", calls };
  const results = [{ callId: "a", name: "get_weather", text: "rain" }];
  const gave: Message = { role: "user", id: "3", text: "", sentAt: 0, results };

  it("are sent with their results instead of the answer", () => {
    const said = conversation([you("1", "a"), calling, gave, answer("4", "It rains."), you("5", "b"), answer("6", "")]);
    const { messages } = messagesFor(said, "6", open);
    expect(messages.map(({ role, content }) => [role, content])).toEqual([
      ["user", "a"],
      ["assistant", null],
      ["tool", "rain"],
      ["assistant", "It rains."],
      ["user", "b"],
    ]);
    expect(GenerateRequestSchema.parse({ messages })).toBeDefined();
  });

  it("are left out without results", () => {
    const said = conversation([you("1", "a"), calling, you("3", "never mind"), answer("4", "")]);
    expect(messagesFor(said, "4", open).messages).toEqual([{ role: "user", content: "a\n\nnever mind" }]);
  });

  it("stay with their message in a small context", () => {
    const said = conversation([
      you("1", "x".repeat(300)),
      answer("2b", "b"),
      you("5", "c"),
      calling,
      gave,
      answer("6", ""),
    ]);
    const fitted = messagesFor(said, "6", { contextTokens: 40, charsPerToken: 3 });
    expect(fitted.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    expect(fitted.leftOut).toBe(2);
  });

  it("are offered if the settings have tools", () => {
    const tools = [{ type: "function" as const, function: { name: "get_weather" } }];
    const plain = conversation([you("1", "a"), answer("2", "")]);
    const said = { ...plain, settings: { ...plain.settings, tools } };
    const fitted = { messages: [], contextTokens: undefined };
    expect(requestFor(said, newAnswer("2", "job-2", 0), fitted).tools).toEqual(tools);
    expect(requestFor(plain, newAnswer("2", "job-2", 0), fitted)).not.toHaveProperty("tools");
  });
});
