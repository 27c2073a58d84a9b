import { describe, expect, test } from "vitest";
import { continuedPrompt, finalText } from "./continued-prompt.ts";
import type { ChatMessage } from "./conversation.ts";

const user: ChatMessage = { role: "user", content: "Sing." };

describe("a continued prompt", () => {
  test.each([
    ["ends behind the text", "<a>La la</a>", "La la", "<a>La la"],
    ["keeps white space that the template keeps", "<a>La \n</a>", "La \n", "<a>La \n"],
    ["does without white space that the template drops", "<a>La</a>", " La \n", "<a>La"],
    ["ends behind the last of them", "<a>La</a><u>?</u><a>La</a>", "La", "<a>La</a><u>?</u><a>La"],
    ["keeps a thought before it", "<a><think>Hm</think>La</a>", "La", "<a><think>Hm</think>La"],
  ])("%s", (_, rendered, text, expected) => {
    expect(continuedPrompt(rendered, text)).toBe(expected);
  });

  test("needs the text to be in it", () => {
    expect(() => continuedPrompt("<a></a>", "La")).toThrow("does not show the message to be continued");
    expect(() => continuedPrompt("<a></a>", " ")).toThrow("does not show the message to be continued");
  });
});

describe("what is continued", () => {
  const say = (message: Partial<ChatMessage>): string =>
    finalText({ messages: [user, { role: "assistant", content: "", ...message }] });

  test("is the content, or the thought where there is no content yet", () => {
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

  test("is never a call, nothing, or somebody else's", () => {
    const call = { id: "c", type: "function", function: { name: "f", arguments: {} } } as const;
    expect(() => say({ content: "La", tool_calls: [call] })).toThrow("it ends with a call");
    expect(() => say({})).toThrow("it is empty");
    expect(() => finalText({ messages: [user] })).toThrow("the last one is not an assistant's");
  });
});
