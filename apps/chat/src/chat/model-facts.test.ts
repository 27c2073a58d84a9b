// Shows that the page says of a model what its facts say, and no more.
import { expect, it } from "vitest";
import { describeModel } from "./model-facts.ts";
import type { ModelFacts } from "./model-facts.ts";

const chat = {
  format: "derived",
  parallel_tool_calls: true,
  switches: ["enable_thinking"],
  template_variables: ["enable_thinking"],
} as const;
const qwen: ModelFacts = {
  name: "Qwen3 4B",
  fake: false,
  kind: "generate",
  architecture: "qwen3",
  quantization: "Q4_K_M",
  parameters: 4_022_468_096,
  context_size: 8_192,
  chat: { ...chat, switches: [], template_variables: [], tools: true, thinking: "switchable" },
};

it("says of the model that comes with Waggle that it tells stories and nothing else", () => {
  const told = describeModel({ name: "Waggle Tiny Stories", fake: false, kind: "generate", parameters: 1_420_000 });
  expect(told).toBe("A story teller with 1.4 million parameters: it knows children's stories and nothing else.");
});

it("tells size, make and abilities of any other", () => {
  expect(describeModel(qwen)).toBe(
    "A language model with 4.0 billion parameters (qwen3, Q4_K_M). It reads and writes up to 8,192 tokens in a conversation, can think before it answers, and can call tools.",
  );
});

it("says nothing that it does not know", () => {
  expect(describeModel({ name: "x", fake: false })).toBe("A language model.");
});

it("warns of a small one", () => {
  expect(describeModel({ name: "x", fake: false, parameters: 135_000_000 })).toBe(
    "A language model with 135 million parameters. It is small: expect simple answers, and mistakes.",
  );
});

it("says of one that writes no answers what it is for, and of no model that there is none", () => {
  expect(describeModel({ ...qwen, kind: "embed" })).toMatch(/turns texts into vectors\. It writes no answers\.$/);
  expect(describeModel({ ...qwen, kind: "rerank" })).toMatch(/ranks texts/);
  expect(describeModel({ ...qwen, fake: true })).toMatch(/no model/);
});
