import type { DecisionReader } from "@waggle/chat-format/format";
import { describe, expect, it } from "vitest";
import { planOfReader, sharedVariables } from "./label-readers.ts";
import { choiceOption, levelOption, noulOptions } from "./questions.ts";
import type { DecisionRequest, Question } from "./questions.ts";
import { decidedOf, labelsOf } from "./readings.ts";
import type { Plan } from "./readings.ts";
import { render, withPictures } from "./state.ts";

const noul: Question = {
  type: "noul",
  id: "hot",
  field: "questions.hot",
  instructions: render({ b: 1, a: 2 }, ""),
  options: noulOptions("warm", null),
};
const choiceOf = (...keys: readonly string[]): Question => ({
  ...noul,
  type: "choice",
  options: keys.map((key) => choiceOption(key, `${key}!`)),
});
const score: Question = { ...noul, type: "score", options: ["low", "high"].map(levelOption) };
const numbered = (count: number): Question => choiceOf(...Array.from({ length: count }, (_, i) => `key ${i}`));

function requestOf(more: Partial<DecisionRequest> = {}): DecisionRequest {
  const settings = { orders: 1, temperature: undefined, scoring: "labels", receipt: false } as const;
  return { ...settings, model: null, state: render({ z: 1, y: 2 }, ""), questions: [noul], ...more };
}

function plan(reader: DecisionReader, question: Question, temperatures = {}, more = {}): Plan {
  return planOfReader({ reader, temperatures }, question, requestOf(more));
}

const readingOf = (reader: DecisionReader, question: Question) => plan(reader, question).readings[0];
const optionsIn = (reader: DecisionReader, question: Question): unknown =>
  readingOf(reader, question)?.variables?.["options"];
const json = (value: unknown): string => JSON.stringify(value);

describe("the variables of models that were trained for decisions", () => {
  it("list yes and no, and labels, as each was trained", () => {
    const [yes, no] = [
      { key: "true", description: "warm" },
      { key: "false", description: null },
    ];
    expect(optionsIn("openjev", noul)).toEqual([yes, no]);
    expect(optionsIn("nimble", noul)).toEqual([
      { ...no, label: "A" },
      { ...yes, label: "B" },
    ]);
    expect(optionsIn("lfm2-d1", noul)).toEqual([
      { ...yes, label: "true" },
      { ...no, label: "false" },
    ]);
    expect(optionsIn("pplx-decider", score)).toEqual([
      { key: "0", description: "low", label: "A" },
      { key: "1", description: "high", label: "B" },
    ]);
    expect(readingOf("openjev", noul)?.variables).toMatchObject({
      id: "hot",
      type: "noul",
      instructions: { b: 1, a: 2 },
    });
  });

  it("are sorted for lev, and have all questions for nimble", () => {
    expect(json(sharedVariables("lev", requestOf()))).toBe('{"images":[],"state":{"y":2,"z":1}}');
    expect(json(readingOf("lev", noul)?.variables)).toContain('"instructions":{"a":2,"b":1}');
    const { questions } = sharedVariables("nimble", requestOf({ questions: [noul, score] }));
    expect(questions).toMatchObject([
      { id: "hot", type: "noul", options: [{ label: "A" }, { label: "B" }] },
      { type: "score" },
    ]);
    expect(sharedVariables("openjev", requestOf())).toEqual({ state: { z: 1, y: 2 }, images: [] });
  });

  it("are refused for pictures and for texts as answers", () => {
    const pictured = withPictures(render("x", ""), ["sha256:1"]);
    expect(() => sharedVariables("lev", requestOf({ state: pictured }))).toThrow(/Cannot read pictures/);
    expect(() => sharedVariables("lev", requestOf({ scoring: "text" }))).toThrow(/"scoring"/);
    expect(() => sharedVariables("lev", requestOf({ chat_template_kwargs: {} }))).toThrow(/"chat_template_kwargs"/);
  });
});

describe("the labels of models that were trained for decisions", () => {
  it("of lfm2-d1 are words, digits, letters or numbers, with a space before them or not", () => {
    expect(readingOf("lfm2-d1", noul)?.options).toEqual([
      ["yes", "Yes", "YES"],
      ["no", "No", "NO"],
    ]);
    expect(readingOf("lfm2-d1", score)?.options).toEqual([["0"], ["1"]]);
    expect(readingOf("lfm2-d1", choiceOf("x", "yy"))?.options).toEqual([
      ["A", " A"],
      ["B", " B"],
    ]);
    expect(readingOf("lfm2-d1", choiceOf("x", "y"))?.options).toEqual([
      ["x", " x"],
      ["y", " y"],
    ]);
    expect(readingOf("lfm2-d1", numbered(27))?.options.at(-1)).toEqual(["26", " 26"]);
  });

  it.each([
    ["lev", 26],
    ["nimble", 26],
    ["pplx-decider", 26],
    ["openjev", 52],
    ["lfm2-d1", 100],
  ] as const)("of %s are at most %d", (reader, most) => {
    expect(labelsOf(plan(reader, numbered(most)))).toHaveLength(most);
    expect(() => plan(reader, numbered(most + 1))).toThrow(
      `"questions.hot": it has ${most + 1} options; this model has labels for ${most}`,
    );
  });
});

describe("the answers of models that were trained for decisions", () => {
  it("of lev to a choice are the average of both orders", () => {
    const [decided] = decidedOf(
      [plan("lev", choiceOf("a", "b"))],
      [[0.6, 0.4].map(Math.log), [0.8, 0.2].map(Math.log)],
    );
    expect([decided?.of(0), decided?.of(1)]).toEqual([expect.closeTo(0.4, 9), expect.closeTo(0.6, 9)]);
    expect(plan("lev", choiceOf("a")).readings).toHaveLength(1);
    expect(plan("nimble", choiceOf("a", "b"), {}, { orders: 2 }).readings).toHaveLength(2);
    expect(plan("nimble", noul, {}, { orders: 2 }).readings).toHaveLength(1);
  });

  it("of lev to a noul question are nine ratings", () => {
    const rated = plan("lev", noul);
    expect(labelsOf(rated)).toEqual([..."ABCDEFGHI"]);
    const [decided] = decidedOf([rated], [[0, 0, 0, 0, 0, 0, 0.5, 0, 0.5].map(Math.log)]);
    expect([decided?.of(0), decided?.of(1)]).toEqual([0.875, 0.125]);
  });

  it("to a noul question with false first are those of yes and no", () => {
    const [decided] = decidedOf([plan("nimble", noul)], [[0.1, 0.9].map(Math.log)]);
    expect(decided?.of(0)).toBeCloseTo(0.9, 12);
  });

  it("have the temperature of the request, else of the type and the number of options, else of the type, else 1", () => {
    const known = { choice: 2, "choice.3_5": 3, "choice.small": 4 };
    expect(plan("nimble", choiceOf("a", "b"), known).temperature).toBe(2);
    expect(plan("nimble", choiceOf("a", "b", "c"), known).temperature).toBe(3);
    expect(plan("lev", choiceOf("a", "b", "c"), known).temperature).toBe(4);
    expect(plan("lev", noul, known).temperature).toBe(1);
    expect(plan("lev", choiceOf("a"), known, { temperature: 5 }).temperature).toBe(5);
  });
});
