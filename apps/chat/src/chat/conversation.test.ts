// Shows what of a conversation is sent: roles in turn, the newest first to stay, the rest as far as the context holds it.
import { expect, it } from "vitest";
import { newAnswer } from "./answer.ts";
import { isBehind, messagesFor, requestFor, titleOf } from "./conversation.ts";
import type { Conversation, Turn } from "./conversation.ts";

const you = (id: string, text: string): Turn => ({ role: "user", id, text });
const answer = (id: string, text: string): Turn => ({ ...newAnswer(id, `job-${id}`, 0), phase: "done", text });
const open = { contextTokens: undefined, charsPerToken: 3 };

function conversation(turns: readonly Turn[], system = ""): Conversation {
  return { id: "chat-1", updatedAt: 0, settings: { system, sampling: { temperature: 0.5 } }, turns };
}

it("sends what was said before the answer, the system prompt first", () => {
  const said = conversation([you("1", "a"), answer("2", "b"), you("3", "c"), answer("4", "")], "Be kind.");
  expect(messagesFor(said, "4", open).messages).toEqual([
    { role: "system", content: "Be kind." },
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
    { role: "user", content: "c" },
  ]);
});

it("joins messages that nobody answered, so that the roles take turns", () => {
  const said = conversation([you("1", "a"), answer("2", ""), you("3", "b"), answer("4", "")]);
  expect(messagesFor(said, "4", open).messages).toEqual([{ role: "user", content: "a\n\nb" }]);
});

it("leaves out the oldest pairs when the context cannot hold them, and never the last message", () => {
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

it("asks for a job of its own name in its session, which goes on without a reader", () => {
  const said = conversation([you("1", "a")]);
  const asked = requestFor(said, newAnswer("2", "job-2", 0), messagesFor(said, "2", open).messages);
  expect(asked).toMatchObject({ job_id: "job-2", session_id: "chat-1", on_disconnect: "continue", temperature: 0.5 });
  expect(asked).not.toHaveProperty("model");
  expect(requestFor(said, { ...newAnswer("2", "job-2", 0), model: "small" }, [])).toMatchObject({ model: "small" });
});

it("is called after its first message", () => {
  expect(titleOf(conversation([]))).toBe("New conversation");
  expect(titleOf(conversation([you("1", `  hello\n${"x".repeat(99)}`)]))).toMatch(/^hello x+…$/);
});

it("knows when another tab has less of the answer that is coming", () => {
  const coming = (jobId: string, lastIndex: number): Conversation =>
    conversation([you("1", "a"), { ...newAnswer("2", jobId, 0), phase: "streaming", lastIndex }]);
  expect(isBehind(coming("job", 3), coming("job", 5))).toBe(true);
  expect(isBehind(coming("job", 5), coming("job", 5))).toBe(false);
  expect(isBehind(coming("next", 0), coming("job", 5))).toBe(false);
  expect(isBehind(conversation([you("1", "a"), answer("2", "b")]), coming("job", 5))).toBe(false);
});
