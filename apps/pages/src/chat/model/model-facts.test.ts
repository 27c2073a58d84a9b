// Shows how facts about a model become its description.
import { expect, it } from "vitest";
import { describeModel, type ModelFacts } from "./model-facts.ts";

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

it("describes the embedded model as a story teller", () => {
  const told = describeModel({ name: "Waggle Tiny Stories", fake: false, kind: "generate", parameters: 1_420_000 });
  expect(told).toBe("A story teller with 1.4 million parameters: it knows only children's stories.");
});

it("describes another model's size, architecture and abilities", () => {
  expect(describeModel(qwen)).toBe(
    "A language model with 4.0 billion parameters (qwen3, Q4_K_M). It reads and writes up to 8,192 tokens in a conversation, can think before it answers, and can call tools.",
  );
});

it("says that a model sees pictures", () => {
  const vision = { projector: "eye", bytes: 1, max_pixels: 1 };
  expect(describeModel({ name: "x", fake: false, context_size: 512, vision })).toBe(
    "A language model. It reads and writes up to 512 tokens in a conversation and sees pictures.",
  );
});

it("leaves out unknown facts", () => {
  expect(describeModel({ name: "x", fake: false })).toBe("A language model.");
});

it("does not claim that a model of some million parameters can call tools", () => {
  const { chat: abilities } = qwen;
  expect(describeModel({ name: "x", fake: false, parameters: 1_420_000, chat: abilities })).not.toMatch(/tools/);
  expect(describeModel({ name: "x", fake: false, parameters: 135_000_000, chat: abilities })).toMatch(/can call tools/);
});

it("warns of a small model", () => {
  expect(describeModel({ name: "x", fake: false, parameters: 135_000_000 })).toBe(
    "A language model with 135 million parameters. It is small: expect simple answers and mistakes.",
  );
});

it("describes a model that writes no answers, and the fake backend", () => {
  expect(describeModel({ ...qwen, kind: "embed" })).toMatch(/turns texts into vectors\. It writes no answers\.$/);
  expect(describeModel({ ...qwen, kind: "rerank" })).toMatch(/ranks texts/);
  expect(describeModel({ ...qwen, fake: true })).toMatch(/without a model/);
});
