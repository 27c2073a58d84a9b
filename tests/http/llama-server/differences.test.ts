import { expect, test } from "vitest";
import { differencesOf } from "./differences.ts";
import { leavesOf, problemsOf } from "./expectations.ts";

const differences = (ours: unknown, theirs: unknown, otherwise?: string) =>
  differencesOf(leavesOf(ours), leavesOf(theirs), otherwise);

test("equal values, and numbers that differ only in their last bits, are no difference", () => {
  expect(differences({ a: [1, { b: 0.8 }], c: "x" }, { a: [1, { b: 0.800000011920929 }], c: "x" })).toEqual([]);
});

test("a difference without a rule has no reason", () => {
  expect(differences({ content: "a", tokens: [1] }, { content: "b", tokens: [] })).toEqual([
    { path: "content", ours: "a", theirs: "b", why: undefined },
    { path: "tokens/0", ours: 1, theirs: undefined, why: undefined },
    { path: "tokens/length", ours: 1, theirs: 0, why: undefined },
  ]);
});

test("a rule's reason also applies within a stream or a list; the case's reason applies to all other differences", () => {
  const why = "it is measured";
  expect(differences({ last: { timings: { prompt_ms: 1 } } }, { last: { timings: { prompt_ms: 9 } } })).toMatchObject([
    { why },
  ]);
  expect(
    differences([{ timings: { prompt_ms: 1 }, stop: true }], [{ timings: { prompt_ms: 9 } }], "both"),
  ).toMatchObject([
    { path: "0/stop", why: "both" },
    { path: "0/timings/prompt_ms", why },
  ]);
});

test("an expectation is a value, a pattern or an empty list", () => {
  const leaves = leavesOf({ text: "abc", list: [], count: 2 });
  expect(problemsOf(leaves, { text: /b/, list: [], count: 2 })).toEqual([]);
  expect(problemsOf(leaves, { text: /x/, count: 3, none: "y" })).toEqual([
    "text is abc and not /x/",
    "count is 2 and not 3",
    "none is not there and not y",
  ]);
});
