import { describe, expect, test } from "vitest";
import { continuedPrompt, finalText } from "./render-conversation.ts";
import type { ChatMessage } from "./conversation.ts";

const user: ChatMessage = { role: "user", content: "Sing." };

describe("a continued prompt", () => {
  test.each([
    ["ends after the text", "<a>La la</a>", "La la", "<a>La la"],
    ["keeps white space that the template keeps", "<a>La \n</a>", "La \n", "<a>La \n"],
    ["has no white space that the template drops", "<a>La</a>", " La \n", "<a>La"],
    ["ends after the last occurrence of the text", "<a>La</a><u>?</u><a>La</a>", "La", "<a>La</a><u>?</u><a>La"],
    ["keeps a thought before the text", "<a><think>Hm</think>La</a>", "La", "<a><think>Hm</think>La"],
  ])("%s", (_, rendered, text, expected) => {
    expect(continuedPrompt(rendered, text)).toBe(expected);
  });

  test("fails if the rendering does not contain the text", () => {
    expect(() => continuedPrompt("<a></a>", "La")).toThrow("does not show the message to be continued");
    expect(() => continuedPrompt("<a></a>", " ")).toThrow("does not show the message to be continued");
  });
});

describe("the continued text", () => {
  const say = (message: Partial<ChatMessage>): string =>
    finalText({ messages: [user, { role: "assistant", content: "", ...message }] });

  test("is the content, or the thought if there is no content yet", () => {
    expect(say({ content: "La", reasoning_content: "Hm" })).toBe("La");
    expect(
      say({
        content: [
          { type: "text", text: "La" },
          { type: "text", text: "li" },
        ],
      }),
    ).toBe("li");
    expect(say({ reasoning_content: "Hm" })).toBe("Hm");
  });

  test("is never a call, an empty message or a user's message", () => {
    const call = { id: "c", type: "function", function: { name: "f", arguments: {} } } as const;
    expect(() => say({ content: "La", tool_calls: [call] })).toThrow("it ends with a call");
    expect(() => say({})).toThrow("it is empty");
    expect(() => finalText({ messages: [user] })).toThrow("the last one is not an assistant's");
  });
});
