import { describe, expect, test } from "vitest";
import { emptyContext, expectedFakeText, extendContext, fakeTokenBytes, tokenizeFake } from "./fake-model.ts";

const greedy = { temperature: 0, seed: 1, ignore_eos: false };
const text = (prompt: string): { kind: "text"; text: string } => ({ kind: "text", text: prompt });

describe("tokens", () => {
  test("have the bytes of the text", () => {
    const bytes = tokenizeFake(text("Grüße, 蜂 🐝")).flatMap((token) => [...fakeTokenBytes(token)]);
    expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe("Grüße, 蜂 🐝");
  });

  test("of an answer are the same when the answer is part of a prompt", () => {
    const answer = expectedFakeText(text("Hello"), greedy, 5);
    expect(tokenizeFake(text(`Hello${answer}`))).toHaveLength(6 + 5);
    expect(tokenizeFake(text(`Hello${answer}x`)).length).toBeGreaterThan(6 + 5 + 1);
  });

  test("of a conversation differ by role and by the borders of messages", () => {
    const tokens = (role: "user" | "system", ...contents: string[]): string =>
      tokenizeFake({ kind: "messages", messages: contents.map((content) => ({ role, content })) }).join(" ");
    expect(new Set([tokens("user", "ab"), tokens("system", "ab"), tokens("user", "a", "b")]).size).toBe(3);
  });

  test("outside the vocabulary are refused", () => {
    expect(() => fakeTokenBytes(100_000)).toThrow(RangeError);
  });
});

describe("the answers of the fake model", () => {
  test("are equal for equal prompts, and differ for different prompts", () => {
    expect(expectedFakeText(text("Hello"), greedy, 30)).toBe(expectedFakeText(text("Hello"), greedy, 30));
    expect(expectedFakeText(text("Hello"), greedy, 30)).not.toBe(expectedFakeText(text("hello"), greedy, 30));
  });

  test("depend on the seed unless they are greedy", () => {
    const answer = (temperature: number, seed: number): string =>
      expectedFakeText(text("Hello"), { temperature, seed, ignore_eos: false }, 30);
    expect(answer(0.8, 1)).not.toBe(answer(0.8, 2));
    expect(answer(0, 1)).toBe(answer(0, 2));
  });

  test("end after the number of tokens in the last `[eog:N]`, except with `ignore_eos`", () => {
    const count = (answer: string): number => answer.trim().split(" ").length;
    expect(count(expectedFakeText(text("[eog:2] [eog:5]"), greedy, 30))).toBe(5);
    expect(count(expectedFakeText(text("[eog:5]"), { ...greedy, ignore_eos: true }, 30))).toBe(30);
  });

  test("with `[unicode]` are valid text of tokens that are parts of characters", () => {
    const answer = expectedFakeText(text("[unicode]"), greedy, 60);
    expect(answer).not.toContain("\uFFFD");
    expect(new TextEncoder().encode(answer).length).toBeGreaterThan(answer.length);
  });
});

test("the hash of a context depends on every token and on their order", () => {
  const hash = (tokens: number[]): number => tokens.reduce(extendContext, emptyContext);
  expect(hash([1, 2, 3, 4])).not.toBe(hash([1, 2, 4, 4]));
  expect(hash([1, 2])).not.toBe(hash([2, 1]));
});
