import { expect, it } from "vitest";
import { createCollectedLogprobs, maxCollectedLogprobs } from "./collected-logprobs.ts";

const entry = (alternatives: number) => ({
  id: 1,
  bytes: [97],
  logprob: -1,
  top: Array.from({ length: alternatives }, () => ({ id: 2, bytes: [98], logprob: -2 })),
});

it("logprobs are collected by choice", () => {
  const logprobs = createCollectedLogprobs(2);
  logprobs.add(1, [entry(1), entry(0)]);
  expect(logprobs.of(0)).toEqual([]);
  expect(logprobs.of(1)).toEqual([entry(1), entry(0)]);
});

it("alternatives count towards the limit, and its error names the field", () => {
  const logprobs = createCollectedLogprobs(1);
  const tokens = Math.floor(maxCollectedLogprobs / 21);
  for (let count = 0; count < tokens; count += 1) logprobs.add(0, [entry(20)]);
  expect(() => logprobs.add(0, [entry(20)])).toThrow(/"logprobs".*set stream to true/);
});
