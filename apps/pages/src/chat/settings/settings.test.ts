// Shows that the settings have the limits of a request, how typed texts become settings or problems, and which fields a request gets.
import { GenerateRequestSchema, requestLimits } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { settingLabels } from "../../wire/setting-labels.ts";
import { draftOf, readDraft, type Draft } from "./draft.ts";
import {
  fieldNames,
  numberFields,
  numberNames,
  otherNames,
  rangeWords,
  textLimits,
  type NumberName,
} from "./fields.ts";
import { noSettings, settingsInRequest, type Settings } from "./settings.ts";

const { shape } = GenerateRequestSchema;
const takes = (name: NumberName, value: number): boolean => shape[name].safeParse(value).success;

describe.each(numberNames)("%s", (name) => {
  const { min, max, whole, except, fallback } = numberFields[name];

  it("has the same limits and default as in a request", () => {
    expect([takes(name, min), takes(name, max)]).toEqual([true, true]);
    expect([takes(name, min - 0.01), takes(name, max + 0.01), takes(name, min - 1), takes(name, max + 1)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(takes(name, min + (max - min) / 3 + 0.001)).toBe(whole !== true);
    if (except !== undefined) expect(takes(name, except)).toBe(false);
    const byDefault: unknown = shape[name].safeParse(undefined).data;
    // -1 means the same as an absent field.
    if (typeof fallback === "number" && name !== "thinking_budget_tokens") expect(byDefault).toBe(fallback);
    else expect(byDefault).toBeUndefined();
  });

  it("has a label and a hint in the dialog, or its name in JSON", () => {
    if (otherNames.includes(name)) return expect(settingLabels[name]).toBe(name);
    expect(settingLabels[name]).toMatch(/^[A-Z]/);
    expect(numberFields[name].hint).toMatch(/^[A-Z].*\.$/);
  });
});

it("the settings have all numeric parameters of a request except `keep_alive`", () => {
  const numbers = Object.entries(shape)
    .filter(([, schema]) => [0.5, 1, 2].some((value) => schema.safeParse(value).success))
    .map(([name]) => name);
  expect(numbers.toSorted()).toEqual([...numberNames, "keep_alive"].toSorted());
});

it("the dialog has a field for what people change, and JSON for all other parameters", () => {
  const shown = ["temperature", "top_k", "top_p", "min_p", "seed", "max_tokens", "thinking_budget_tokens"];
  expect(fieldNames).toEqual(shown);
  expect([...fieldNames, ...otherNames].toSorted()).toEqual(numberNames.toSorted());
});

it("limits texts as the API does", () => {
  const { stopStrings, stopChars, effortChars } = requestLimits;
  expect(textLimits).toEqual({ stopStrings, stopChars, effortChars });
});

const empty = draftOf(noSettings);
const problemsOf = (typed: Partial<Draft>): unknown => readDraft({ ...empty, ...typed }, undefined).problems;

describe("a typed text", () => {
  it.each([
    ["temperature", "0.123456"],
    ["temperature", " .5 "],
    ["top_k", "1e3"],
    ["seed", "-1"],
    ["others", '{"repetition_limit": 0, "priority": -10}'],
  ] as const)("%s takes %s", (name, text) => expect(problemsOf({ [name]: text })).toEqual({}));

  it.each([
    ["temperature", "2.1", "A number from 0 to 2."],
    ["temperature", "warm", "A number from 0 to 2."],
    ["temperature", "0,5", "A number from 0 to 2. Use a point as the decimal separator."],
    ["top_k", "1.5", "A whole number from 0 to 1,000,000."],
    ["others", '{"repetition_limit": 1}', "repetition_limit: A whole number from 0 to 1,024, but not 1."],
    ["others", '{"repeat_penalty": "1.1"}', "repeat_penalty: A number from 0.01 to 10."],
    ["others", '{"repeat_penlaty": 1}', "Unknown parameter repeat_penlaty. Did you mean repeat_penalty?"],
    ["others", '{"bees": 1}', "Unknown parameter bees."],
    ["others", '{"top_p": 1}', "Set top_p in its field of this dialog."],
    ["others", "[1]", 'Parameters are an object: {"repeat_penalty": 1.1}.'],
    ["stop", "a\nb\nc\nd\ne", "At most 4 strings, one on each line."],
    ["stop", "x".repeat(257), "Each string has 256 characters at most."],
    ["jsonSchema", "[1]", 'A JSON schema is an object: {"type": "object", …}.'],
    ["effort", "x".repeat(33), "At most 32 characters."],
  ] as const)("%s does not take %s", (name, text, problem) => {
    expect(problemsOf({ [name]: text })).toEqual({ [name]: problem });
  });

  it("reports why a schema is not JSON, and all problems at once", () => {
    expect(problemsOf({ jsonSchema: '{"type": }', top_p: "7" })).toEqual({
      jsonSchema: expect.stringMatching(/^Not JSON: .*\.$/) as string,
      top_p: rangeWords(numberFields.top_p),
    });
  });

  it("is unchanged after saving, with any characters", () => {
    const settings: Settings = {
      system: "Be brief.",
      sampling: { temperature: 0.15, seed: 7, dry_multiplier: 0.8, deadline_ms: 9 },
      stop: ["\n\n", 'say "no"', "C:\\new", '\\"'],
      jsonSchema: { type: "object" },
      reasoning: { enabled: false, effort: "low" },
      model: "bee",
    };
    expect(readDraft(draftOf(settings), "bee")).toEqual({ settings, problems: {} });
    expect(readDraft(empty, undefined)).toEqual({ settings: noSettings, problems: {} });
  });
});

it("shows parameters without a field as JSON", () => {
  expect(draftOf({ system: "", sampling: { priority: 2, dry_base: 1.5 } }).others).toBe(
    '{ "dry_base": 1.5, "priority": 2 }',
  );
  expect(empty.others).toBe("");
});

describe("a request", () => {
  const settings: Settings = {
    system: "",
    sampling: { temperature: 0.5, thinking_budget_tokens: 64 },
    stop: ["END"],
    jsonSchema: { type: "object" },
    reasoning: { enabled: true, effort: "high" },
  };
  const plain = { temperature: 0.5, stop: ["END"], json_schema: { type: "object" } };

  it("has the set parameters under the request's field names", () => {
    const chat = { thinking: "switchable", template_variables: ["enable_thinking", "reasoning_effort"] } as const;
    const carried = settingsInRequest(settings, { ...chat, template_variables: [...chat.template_variables] });
    const whole = { ...plain, thinking_budget_tokens: 64, enable_thinking: true, reasoning_effort: "high" };
    expect(carried).toEqual(whole);
    const messages = [{ role: "user" as const, content: "hello" }];
    expect(GenerateRequestSchema.safeParse({ ...carried, messages }).success).toBe(true);
    expect(settingsInRequest(settings, undefined)).toEqual(whole);
  });

  it("leaves out switches that the model lacks, because the worker would refuse them", () => {
    expect(settingsInRequest(settings, { thinking: "never", template_variables: [] })).toEqual(plain);
    expect(settingsInRequest(noSettings, undefined)).toEqual({});
  });
});
