// Shows that an exported file is imported unchanged, and that an invalid file is refused with a reason.
import { describe, expect, it } from "vitest";
import { newAnswer } from "./answer.ts";
import { fromJson, toJson, toMarkdown, withoutClash } from "./conversation-file.ts";
import type { Conversation, Message } from "./conversation.ts";

const messages: readonly Message[] = [
  { role: "user", id: "q", text: "What do bees do?", sentAt: 1 },
  { ...newAnswer("a1", "job-1", 2, "q"), phase: "done", text: "They fly.", model: "small" },
  { ...newAnswer("a2", "job-2", 3, "q"), phase: "done", text: "They dance.", edited: true, tokens: 3 },
];
const conversation: Conversation = {
  id: "chat-1",
  updatedAt: 5,
  title: "Bees",
  named: true,
  pinned: true,
  settings: { system: "Be kind.", sampling: { top_k: 3 } },
  chosen: { q: "a1" },
  turns: messages,
};

it("imports an exported file unchanged", () => {
  expect(fromJson(toJson([conversation], 0), "x.json")).toEqual([conversation]);
});

it("ends an answer that still streams, because another browser follows the stream", () => {
  const live = { ...conversation, turns: [messages[0], { ...messages[1], phase: "streaming" }] as Message[] };
  const read = fromJson(toJson([live], 0), "x.json");
  expect(read[0]?.turns[1]).toMatchObject({ phase: "stopped", text: "They fly." });
});

it("writes the shown branch as Markdown", () => {
  const text = toMarkdown([conversation]);
  expect(text).toMatch(/^# Bees\n/);
  expect(text).toContain(
    "## System prompt\n\nBe kind.\n\n## You\n\nWhat do bees do?\n\n## Answer (small)\n\nThey fly.",
  );
  expect(text).not.toContain("dance");
  expect(toMarkdown([{ ...conversation, chosen: {} }])).toContain("## Answer, edited\n\nThey dance.");
});

it("exports and imports calls and their results", () => {
  const calls = [{ index: 0, id: "c", name: "get_weather", arguments: '{"city":"Bern"}' }];
  const calling: Message = { ...newAnswer("a3", "job-3", 4, "q"), phase: "done", calls };
  const results = [{ callId: "c", name: "get_weather", text: "Rain." }];
  const gave: Message = { role: "user", id: "r", parent: "a3", text: "", sentAt: 5, results };
  const told = { ...conversation, chosen: { q: "a3" }, turns: [...messages, calling, gave] };
  expect(toMarkdown([told])).toContain(
    '## Answer\n\nCalls get_weather:\n\n```json\n{\n  "city": "Bern"\n}\n```\n\n## Result of get_weather\n\n```\nRain.\n```',
  );
  expect(fromJson(toJson([told], 0), "x.json")).toEqual([told]);
});

describe("refuses", () => {
  const file = JSON.parse(toJson([conversation], 0)) as { conversations: Record<string, unknown>[] };
  const first = file.conversations[0] ?? {};
  const withMessages = (...given: unknown[]): string =>
    JSON.stringify({ ...file, conversations: [{ ...first, turns: given }] });
  it.each([
    ["{broken", "Cannot import x.json: it is not JSON."],
    ["[]", "Cannot import x.json: it was not exported by this page."],
    [JSON.stringify({ ...file, version: 9 }), "Cannot import x.json: a newer version of this page exported it."],
    [JSON.stringify({ ...file, conversations: 3 }), "Cannot import x.json: it has no conversations."],
    [
      JSON.stringify({ ...file, conversations: [{ ...first, turns: undefined }] }),
      "Cannot import x.json: conversation 1 has no turns.",
    ],
    [
      JSON.stringify({ ...file, conversations: [first, { ...first, id: 7 }] }),
      'Cannot import x.json: conversation 2 has an invalid "id".',
    ],
    [
      JSON.stringify({ ...file, conversations: [{ ...first, id: "\ud800" }] }),
      'Cannot import x.json: conversation 1 has an invalid "id".',
    ],
    [
      withMessages({ ...messages[0], text: 7 }),
      'Cannot import x.json: turn 1 of conversation 1 has an invalid "text".',
    ],
    [
      withMessages({ role: "tool" }),
      "Cannot import x.json: turn 1 of conversation 1 is neither a message nor an answer.",
    ],
    [withMessages(messages[0], messages[0]), "Cannot import x.json: conversation 1 has a turn twice."],
    [
      withMessages({ ...messages[0], parent: "a1" }, messages[1]),
      "Cannot import x.json: in conversation 1 a turn comes before itself.",
    ],
  ])("%s", (text, words) => {
    expect(() => fromJson(text, "x.json")).toThrow(words);
  });
});

it("copies a conversation whose messages have other content in this browser, and merges a conversation with equal messages", () => {
  expect(withoutClash(conversation, messages)).toBe(conversation);
  expect(withoutClash(conversation, [])).toBe(conversation);
  const copy = withoutClash(conversation, [{ role: "user", id: "q", text: "Another question", sentAt: 1 }]);
  expect(copy.id).not.toBe(conversation.id);
  expect(copy.title).toBe("Bees (imported)");
});
