import { ollamaLimits } from "@waggle/protocol";
import { expect, test } from "vitest";
import { conversationNumbers, conversationOf } from "./conversation-numbers.ts";

const said = (content: string) => ({ role: "user" as const, content });

test.each(["", "a", "ab", "abc", "Zürich 🐝", "\ud800 alone", '"}]', "  "])(
  "a conversation with the content %j is restored from its numbers",
  (content) => {
    const turns = [{ role: "system" as const, content: "Be kind." }, said(content)];
    const numbers = conversationNumbers(turns) ?? [];
    expect(numbers.every((number) => Number.isInteger(number) && number >= 0)).toBe(true);
    expect(conversationOf(numbers)).toEqual(turns);
  },
);

test("a conversation that is too long for a request has no numbers", () => {
  expect(conversationNumbers([said("x".repeat(3 * ollamaLimits.contextNumbers))])).toBeUndefined();
});

test.each([
  ["tokens", [128_000, 9_906, 11, 1_917]],
  ["numbers that are too large", [2 ** 24]],
  ["JSON that is not a conversation", conversationNumbers([said("a")])?.slice(0, 3) ?? []],
  ["other JSON", [0x7b7d20]],
])("%s: the error names the field context", (_, numbers) => {
  expect(() => conversationOf(numbers)).toThrow('"context"');
});
