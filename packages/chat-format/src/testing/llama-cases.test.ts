import { expect, test } from "vitest";
import { llamaCases, matches, scoreCases, type ExpectedAnswer, type ReadAnswer } from "./llama-cases.ts";

test("llama.cpp's cases are all there, with unique names and texts after their prompts", () => {
  const { cases, templates } = llamaCases();
  expect([cases.length, new Set(cases.map(({ name }) => name)).size, templates.size]).toEqual([461, 461, 70]);
  const wrong = cases.filter((each) => each.text === "" || !each.promptTail.endsWith(each.generationPrompt));
  expect(wrong).toEqual([]);
});

const expected: ExpectedAnswer = { content: "Hi", calls: [{ name: "f", arguments: { a: 1, b: [2] } }] };
const read: ReadAnswer = { reasoning: " ", content: "Hi\n", calls: [{ name: "f", arguments: '{"b": [2], "a": 1.0}' }] };

test.each<Partial<ReadAnswer>>([
  { reasoning: "Hm" },
  { content: "Hi there" },
  { calls: [{ name: "g", arguments: '{"a":1,"b":[2]}' }] },
  { calls: [{ name: "f", arguments: '{"a":1,"b":[3]}' }] },
  { calls: [...read.calls, ...read.calls] },
])("the comparison ignores the form of JSON and white space at the ends, and notices %j", (difference) => {
  expect([read, { ...read, ...difference }].map((answer) => matches(expected, answer))).toEqual([true, false]);
});

test("a score counts answers that are read at once and by characters, and exceptions as failures", () => {
  const one = { name: "a", template: "t", tools: [], promptTail: "", text: "yes", expected: { content: "yes" } };
  const given = [one, { ...one, name: "b" }, { ...one, name: "c", text: "no" }];
  const { scores, failed } = scoreCases(given, (each, pieces) => {
    if (each.name === "b" && pieces.length > 1) throw new Error("Not in pieces");
    return { reasoning: "", content: pieces.join(""), calls: [] };
  });
  expect(scores.get("t")).toEqual({ total: 3, whole: 2, byCharacters: 1 });
  expect(failed).toEqual(["b", "c"]);
});
