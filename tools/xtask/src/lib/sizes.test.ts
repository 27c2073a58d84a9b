// Tests that a count above its limit is a problem, and that nothing is counted without a limit.
import { repositoryPath } from "@waggle/testing/harness";
import { expect, it } from "vitest";
import { aboveLimits, countSizes, raisedLimits } from "./sizes.ts";

it("a count may be as large as its limit, and not larger", () => {
  expect(aboveLimits({ lines: 10, words: 5 }, { lines: 10, words: 7 })).toEqual([]);
  expect(aboveLimits({ lines: 11 }, { lines: 10 })).toEqual([expect.stringMatching(/^lines: 11 of at most 10\. /)]);
});

it("a limit may fall, and may not rise", () => {
  expect(raisedLimits({ lines: 9, words: 7, files: 1 }, { lines: 10, words: 7 })).toEqual([]);
  expect(raisedLimits({ lines: 11 }, { lines: 10 })).toEqual([expect.stringContaining('"lines" rises from 10 to 11')]);
});

it("a count without a limit, and a limit without a count, are problems", () => {
  expect([...aboveLimits({ lines: 1 }, {}), ...aboveLimits({}, { lines: 1 })]).toHaveLength(2);
});

it("everything is counted", () => {
  for (const [name, size] of Object.entries(countSizes(repositoryPath("")))) expect(size, name).toBeGreaterThan(0);
});
