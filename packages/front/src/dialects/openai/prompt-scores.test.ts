import { expect, test } from "vitest";
import { createPromptScores } from "./prompt-scores.ts";

const entry = { id: 97, bytes: [97], logprob: -1, top: [{ id: 98, bytes: [98], logprob: -2 }] };

test("a prompt's are those of its job, as they come", () => {
  const scores = createPromptScores();
  const promptLogprobs = [entry];
  scores.follow({ promptLogprobs }, 1);
  promptLogprobs.push(entry);
  expect(scores.of(1)).toEqual([entry, entry]);
  expect(scores.of(0)).toEqual([]);
});

test("all together are bounded, alternatives counted as well", () => {
  const scores = createPromptScores(4);
  for (const prompt of [0, 1, 2]) scores.follow({ promptLogprobs: [entry] }, prompt);
  scores.count(0);
  scores.count(1);
  expect(() => scores.count(2)).toThrow(/"logprobs".*more than 4/);
});
