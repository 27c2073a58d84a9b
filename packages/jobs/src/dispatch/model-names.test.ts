import { expect, test } from "vitest";
import { findNamed, requireModel, unknownModel } from "./model-names.ts";

const entries = [
  { name: "Qwen3", aliases: new Set(["gpt-4o"]) },
  { name: "qwen3", aliases: new Set<string>() },
  { name: "story.gguf", aliases: new Set(["Teller:latest"]) },
  { name: "My-Bee", aliases: new Set<string>() },
];

test.each<[asked: string, name: string | undefined]>([
  ["Qwen3", "Qwen3"],
  ["qwen3", "qwen3"],
  ["QWEN3", "Qwen3"],
  ["qwen3:latest", "Qwen3"],
  ["gpt-4o", "Qwen3"],
  ["GPT-4o", "Qwen3"],
  ["story", "story.gguf"],
  ["STORY.GGUF", "story.gguf"],
  ["teller", "story.gguf"],
  ["teller:latest", "story.gguf"],
  ["my bee", "My-Bee"],
  ["My bee.gguf", "My-Bee"],
  ["qwen", undefined],
  ["qwen3:8b", undefined],
  ["", undefined],
])('"%s" means %s', (asked, name) => {
  expect(findNamed(entries, asked)?.name).toBe(name);
});

test("the error for an unknown model lists the known names, and shortens long names", () => {
  expect(unknownModel("x", entries)).toMatchObject({
    code: "not_found",
    message: 'Cannot find model "x": it does not exist; this worker serves Qwen3, qwen3, story.gguf, My-Bee.',
  });
  const many = Array.from({ length: 23 }, (_, i) => ({ name: `m${i}`, aliases: new Set<string>() }));
  const { message } = unknownModel("y".repeat(10_000), many);
  expect(message).toContain(" m19 and 3 more.");
  expect(message.length).toBeLessThan(600);
  const none = 'this worker has no models. "waggle pull" downloads one.';
  expect(unknownModel("x", []).message).toBe(`Cannot find model "x": it does not exist; ${none}`);
  for (const asked of ["", null, undefined])
    expect(() => requireModel([], asked, { implied: undefined })).toThrow(
      expect.objectContaining({ code: "not_found", message: `Cannot find a model: ${none}` }),
    );
});

test("a request with an unknown name or none gets the implied model, and otherwise an error", () => {
  const [implied] = entries;
  expect(requireModel(entries, "story", { implied })).toBe(findNamed(entries, "story"));
  for (const asked of ["x", "", null, undefined]) expect(requireModel(entries, asked, { implied })).toBe(implied);
  expect(() => requireModel(entries, "x", { implied: undefined })).toThrow('Cannot find model "x"');
  for (const asked of ["", null, undefined]) {
    expect(() => requireModel(entries, asked, { implied: undefined, who: "this fleet" })).toThrow(
      'Cannot accept field "model": it is required, since this fleet serves Qwen3',
    );
  }
});
