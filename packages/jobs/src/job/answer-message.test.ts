import type { TokenEvent } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { emptyMessage, lengthOf, toAnswerMessage, withToken, type MessageDraft } from "./answer-message.ts";

type Said = Pick<TokenEvent, "text" | "part" | "call">;

const draftOf = (...said: readonly Said[]): MessageDraft =>
  said.reduce<MessageDraft>(
    (draft, one, index) => withToken(draft, { type: "token", stream_id: "s", index, t_ms: 0, ...one }),
    emptyMessage,
  );
const call = (index: number, name: string): Said => ({
  text: "",
  part: "call",
  call: { index, id: `id-${index}`, name },
});
const args = (index: number, text: string): Said => ({ text, part: "arguments", call: { index } });

describe("the message of an answer", () => {
  it("has reasoning, content, and calls with their arguments", () => {
    const draft = draftOf(
      { text: "h", part: "reasoning" },
      { text: "m", part: "reasoning" },
      { text: "a" },
      call(0, "f"),
      args(0, '{"x":'),
      args(0, "1}"),
      call(1, "g"),
      args(1, "{}"),
      { text: "b", part: "content" },
    );
    expect(toAnswerMessage(draft)).toEqual({
      role: "assistant",
      content: "ab",
      reasoning_content: "hm",
      tool_calls: [
        { id: "id-0", type: "function", function: { name: "f", arguments: '{"x":1}' } },
        { id: "id-1", type: "function", function: { name: "g", arguments: "{}" } },
      ],
    });
    expect(lengthOf(draft)).toBe("ab".length + "hm".length + "f".length + '{"x":1}'.length + "g".length + "{}".length);
  });

  it("has null for empty content next to calls, and otherwise a text", () => {
    expect(toAnswerMessage(draftOf(call(0, "f"), args(0, "{}"))).content).toBeNull();
    expect(toAnswerMessage(emptyMessage)).toEqual({ role: "assistant", content: "" });
  });

  it("marks a last call whose arguments are cut", () => {
    const draft = draftOf(call(0, "f"), args(0, "{}"), call(1, "g"), args(1, '{"x":'));
    expect(toAnswerMessage(draft).tool_calls?.map(({ cut }) => cut)).toEqual([undefined, true]);
    expect(toAnswerMessage(draftOf(call(0, "f"), args(0, "{}"))).tool_calls?.map(({ cut }) => cut)).toEqual([
      undefined,
    ]);
  });
});
