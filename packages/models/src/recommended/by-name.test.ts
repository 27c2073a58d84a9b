import { expect, test } from "vitest";
import { recommendedByName } from "./by-name.ts";
import { recommendedModels } from "./recommended-models.ts";

const names = (typed: string): readonly string[] => recommendedByName(typed).map(({ name }) => name);

test.each([
  ["qwen3:4b", ["Qwen3 4B"]],
  ["Qwen3-4B-Q4_K_M", ["Qwen3 4B"]],
  ["qwen3:0.6b", ["Qwen3 0.6B"]],
  ["gemma3:4b", ["Gemma 3 4B"]],
  ["gemma-3-4b-it", ["Gemma 3 4B"]],
  ["llama3.2", ["Llama 3.2 3B"]],
  ["llama3.3:70b", ["Llama 3.3 70B"]],
  ["qwen2.5-coder:7b", ["Qwen2.5 Coder 7B"]],
  ["gpt-oss:20b", ["gpt-oss 20B"]],
  ["qwen3-coder", ["Qwen3 Coder 30B A3B"]],
  ["qwen3:30b", ["Qwen3 30B A3B"]],
  ["qwen3", ["Qwen3 0.6B", "Qwen3 4B", "Qwen3 8B", "Qwen3 14B", "Qwen3 30B A3B"]],
])("%s means %j", (typed, found) => expect(names(typed)).toEqual(found));

test.each(["nosuchmodel", "qwen", "qwen3:5b", "llama3", "", "b", "4b"])("%j means no recommended model", (typed) => {
  expect(names(typed)).toEqual([]);
});

test("each model is found by its name", () => {
  for (const { name } of recommendedModels) expect(names(name)).toContain(name);
});
