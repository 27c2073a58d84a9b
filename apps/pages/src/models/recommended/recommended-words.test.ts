// Tests the texts for recommended models, and which are shown first.
import type { RecommendedModel } from "@waggle/protocol";
import { expect, it } from "vitest";
import { doesFit, fewOf, markOf, recommendedWords } from "./recommended-words.ts";

const model: RecommendedModel = {
  ...{ name: "Bee 4B", reference: "hf:bees/bee:Q4_K_M", purposes: ["chat", "languages"], languages: "7" },
  ...{ best_for: ["chat"], parameters: 4e9, bytes: 2.5e9, downloaded: "never" },
  fit: { verdict: "fits", context_size: 40_960, one_answer_bytes: 4e9, memory_bytes: 12e9, gpu: "none" },
};
const smaller = {
  verdict: "smaller",
  context_size: 8_192,
  one_answer_bytes: 1e9,
  memory_bytes: 9e9,
  gpu: "none",
} as const;

it("describes purpose and memory of a model, and warns of a small one", () => {
  expect(recommendedWords(model)).toBe(
    "chat, several languages · 4.0 GB of memory for one answer, 12.0 GB for several",
  );
  expect(recommendedWords({ ...model, bytes: 6e8, fit: smaller })).toBe(
    "chat, several languages · quick, makes more mistakes · 1.0 GB of memory for one answer, 9.0 GB for several, with 8,192 tokens of context",
  );
});

it("a model fits also with a smaller context", () => {
  expect(doesFit(model)).toBe(true);
  expect(doesFit({ fit: smaller })).toBe(true);
  expect(doesFit({ fit: { ...smaller, verdict: "none" } })).toBe(false);
  expect(doesFit({})).toBe(false);
});

it("shows the best for chat first, then the best for other purposes and a quick one, and no other", () => {
  const other = (name: string, more: Partial<RecommendedModel>): RecommendedModel => ({
    ...{ ...model, name, reference: `hf:bees/${name}`, best_for: [] },
    ...more,
  });
  const quick = other("quick", { bytes: 6e8 });
  const vectors = other("vectors", { purposes: ["embedding"], best_for: ["embedding"] });
  const code = other("code", { purposes: ["code"], best_for: ["code"] });
  const fitting = [quick, vectors, other("middle", {}), code, model];
  expect(markOf(fitting)).toBe(model);
  expect(fewOf(fitting)).toEqual([model, code, quick]);
  expect(markOf([quick])).toBeUndefined();
});
