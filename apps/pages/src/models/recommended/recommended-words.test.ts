// Tests the texts for recommended models.
import type { RecommendedModel } from "@waggle/protocol";
import { expect, it } from "vitest";
import { doesFit, recommendedWords } from "./recommended-words.ts";

const model: RecommendedModel = {
  ...{ name: "Bee 4B", reference: "hf:bees/bee:Q4_K_M", purposes: ["chat", "languages"], languages: "7" },
  ...{ parameters: 4e9, bytes: 2.5e9, downloaded: "never" },
  fit: { verdict: "fits", context_size: 40_960, memory_bytes: 12e9, gpu: "none" },
};
const smaller = { verdict: "smaller", context_size: 8_192, memory_bytes: 9e9, gpu: "none" } as const;

it("describes purpose, file, memory and trial of a model", () => {
  const words = ["chat, several languages", "file 2.5 GB", "12.0 GB of memory", "never downloaded with Waggle"];
  expect(recommendedWords(model)).toEqual(words);
  expect(recommendedWords({ ...model, downloaded: "2026-12-01", fit: smaller }).slice(2)).toEqual([
    "9.0 GB of memory, with 8,192 tokens of context",
    "downloaded with Waggle on 2026-12-01",
  ]);
});

it("a model fits also with a smaller context", () => {
  expect(doesFit(model)).toBe(true);
  expect(doesFit({ fit: smaller })).toBe(true);
  expect(doesFit({ fit: { ...smaller, verdict: "none" } })).toBe(false);
  expect(doesFit({})).toBe(false);
});
