import { expect, test } from "vitest";
import { mayOverflow } from "./prompt-length.ts";
import type { PromptInput } from "./prompts.ts";
import type { GenerateWork } from "./work.ts";

const message = (content: string): PromptInput => ({ kind: "messages", messages: [{ role: "user", content }] });

test.each<[string, PromptInput, boolean]>([
  ["a short text", { kind: "text", text: "x".repeat(30) }, false],
  ["a text of as many bytes as the window", { kind: "text", text: "x".repeat(64) }, true],
  ["few characters of many bytes", { kind: "text", text: "🐝".repeat(16) }, true],
  ["few tokens", { kind: "pieces", pieces: ["x", Array<number>(30).fill(7)] }, false],
  ["as many tokens as the window", { kind: "pieces", pieces: [Array<number>(64).fill(7)] }, true],
  ["a short message", message("x".repeat(20)), false],
  ["a message that fits without the markers around it", message("x".repeat(60)), true],
  [
    "code with a hole",
    { kind: "infill", infill: { prefix: "x".repeat(99), suffix: "", extra: [], prompt: "" } },
    false,
  ],
])("%s, compared with a window of 64 tokens", (_, prompt, may) => {
  const work = { kind: "generate", prompt } as GenerateWork;
  expect(mayOverflow(work, 64)).toBe(may);
  expect(mayOverflow({ ...work, pictures: [] }, 64)).toBe(may || prompt.kind !== "infill");
});
