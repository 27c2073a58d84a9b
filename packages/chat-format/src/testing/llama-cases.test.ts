import { llamaTemplates } from "./template/llama-templates.ts";
import { describe, expect, test } from "vitest";
import {
  llamaCases,
  matches,
  scoreCases,
  type AnswerCase,
  type ExpectedAnswer,
  type ReadAnswer,
} from "./llama-cases.ts";

const { cases, templates } = llamaCases();

describe("llama.cpp's cases", () => {
  test("are complete, with unique names, known templates and texts after their prompts", () => {
    expect(cases.filter((each) => !each.continued && !each.partial)).toHaveLength(380);
    expect(cases.filter((each) => each.partial)).toHaveLength(9);
    expect(cases.filter((each) => each.continued)).toHaveLength(72);
    expect(new Set(cases.map((each) => each.name)).size).toBe(cases.length);
    expect([...templates.keys()].toSorted()).toEqual([...llamaTemplates().keys()].toSorted());
    for (const each of cases) {
      expect(each.text).not.toBe("");
      expect(each.promptTail.endsWith(each.generationPrompt)).toBe(true);
    }
  });

  test("call only tools that the request has", () => {
    for (const each of cases) {
      const names = each.tools.map((tool) => tool.name);
      for (const call of each.expected.calls ?? []) expect(names).toContain(call.name);
    }
  });
});

describe("comparison", () => {
  const expected: ExpectedAnswer = { content: "Hi", calls: [{ name: "f", arguments: { a: 1, b: [2] } }] };
  const read: ReadAnswer = {
    reasoning: " ",
    content: "Hi\n",
    calls: [{ name: "f", arguments: '{"b": [2], "a": 1.0}' }],
  };

  test("ignores white space at the ends and the form of JSON", () => {
    expect(matches(expected, read)).toBe(true);
  });

  test.each<Partial<ReadAnswer>>([
    { reasoning: "Hm" },
    { content: "Hi there" },
    { calls: [] },
    { calls: [{ name: "g", arguments: '{"a":1,"b":[2]}' }] },
    { calls: [{ name: "f", arguments: '{"a":1,"b":[3]}' }] },
    { calls: [{ name: "f", arguments: '{"a":1,"b":[2]' }] },
    { calls: [...read.calls, ...read.calls] },
  ])("notices %j", (difference) => {
    expect(matches(expected, { ...read, ...difference })).toBe(false);
  });

  test("compares only the name of an incomplete call", () => {
    const partial: ExpectedAnswer = { calls: [{ name: "f", argumentsText: '{"a' }] };
    expect(matches(partial, { reasoning: "", content: "", calls: [{ name: "f", arguments: "" }] })).toBe(true);
    expect(matches(partial, { reasoning: "", content: "", calls: [] })).toBe(false);
  });
});

test("scores count the cases of each template, read at once and by characters, and a reader's exceptions as failures", () => {
  const one: AnswerCase = {
    name: "one",
    template: "a",
    tools: [],
    promptTail: "",
    text: "yes",
    expected: { content: "yes" },
  };
  const given = [one, { ...one, name: "two", template: "b" }, { ...one, name: "three", template: "b", text: "no" }];
  const { scores, failed } = scoreCases(given, (each, pieces) => {
    if (each.name === "two" && pieces.length > 1) throw new Error("Not in pieces");
    return { reasoning: "", content: pieces.join(""), calls: [] };
  });
  expect(Object.fromEntries(scores)).toEqual({
    all: { total: 3, whole: 2, byCharacters: 1 },
    a: { total: 1, whole: 1, byCharacters: 1 },
    b: { total: 2, whole: 1, byCharacters: 0 },
  });
  expect(failed).toEqual(["two", "three"]);
});
