import { describe, expect, test } from "vitest";
import { z } from "zod";
import { invalidArgument } from "./invalid-argument.ts";

function refusal(schema: z.ZodType, value: unknown): string {
  const { error } = schema.safeParse(value);
  if (error === undefined) throw new Error("The value was accepted");
  return invalidArgument(error).message;
}

const part = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("image"), url: z.url() }),
]);
const content = z.union([z.string().max(10), z.array(part).max(3)]);
const choice = z.union([
  z.enum(["none", "auto"]),
  z.object({ type: z.literal("function"), function: z.object({ name: z.string() }) }),
  z.object({ type: z.literal("custom"), custom: z.object({ name: z.string() }) }),
]);
const body = z.object({
  content: content.optional(),
  choice: choice.nullish(),
  deep: z.array(z.union([choice, content])),
});

test.each([
  [{ temperatur: 1 }, 'Cannot accept field "temperatur": unknown field (did you mean "temperature"?).'],
  [{ inner: { sotp: 1 } }, 'Cannot accept field "inner.sotp": unknown field (did you mean "stop"?).'],
  [
    { choice: { type: "function", nmae: "a" } },
    'Cannot accept field "choice.nmae": unknown field (did you mean "name"?).',
  ],
  [{ nonsense: 1 }, 'Cannot accept field "nonsense": unknown field.'],
])("an unknown field names the near one: %j", (value, message) => {
  const inner = z.strictObject({ stop: z.string().optional() });
  const function_ = z.strictObject({ type: z.literal("function"), name: z.string().optional() });
  const choice = z.union([z.enum(["none", "auto"]), function_]);
  const strict = z.strictObject({ temperature: z.number(), inner, choice }).partial();
  expect(refusal(strict, value)).toBe(message);
});

test("each unknown field names its near field", () => {
  const { error } = z.strictObject({ stop: z.string(), seed: z.string() }).partial().safeParse({ sed: 1, stp: 1 });
  expect(invalidArgument(error as z.ZodError).details).toMatchObject({
    problems: [
      { problem: 'unknown field (did you mean "seed"?)' },
      { problem: 'unknown field (did you mean "stop"?)' },
    ],
  });
});

describe("the problem of a field with a union schema", () => {
  test.each([
    ["a string that is too long", { content: "x".repeat(11) }, /"content": must have at most 10 characters, not 11/],
    [
      "an array with too many elements",
      { content: Array(4).fill({ type: "text", text: "" }) },
      /"content": must have at most \d+ items, not/,
    ],
    ["a part of an unknown type", { content: [{ type: "audio" }] }, /"content.0.type": .*"text", "image"/],
    ["a part without its text", { content: [{ type: "text" }] }, /"content.0.text": .*must be a string/],
    ["an invalid part", { content: [7] }, /"content.0": .*must be an object/],
    ["a value of a wrong type", { content: 7 }, /"content": must be a string or a list/],
    ["an unknown word", { choice: "maybe" }, /"choice": .*"none", "auto"/],
    ["a valid tag with an invalid field", { choice: { type: "function" } }, /"choice.function": .*must be an object/],
    ["another valid tag with an invalid field", { choice: { type: "custom" } }, /"choice.custom": .*must be an object/],
    ["an invalid nested field", { choice: { type: "function", function: { name: 1 } } }, /"choice.function.name": /],
    ["unions in unions", { deep: ["auto", [{ type: "image", url: "no" }]] }, /"deep.1.0.url": must be a URL/],
  ])("%s", (_, value, message) => {
    expect(refusal(body, { deep: [], ...value })).toMatch(message);
  });

  test("if several list schemas fail, the problem is from the schema that fails at the latest element", () => {
    const words = z.array(z.string());
    const numbers = z.array(z.number());
    const lists = z.object({ list: z.union([z.string(), words.max(3), numbers, z.array(numbers)]) });
    expect(refusal(lists, { list: [1, 2, "a"] })).toMatch(/"list.2": .*must be a number/);
    expect(refusal(lists, { list: [[1], [2, null]] })).toMatch(/"list.1.1": .*must be a number/);
    expect(refusal(lists, { list: ["a", "b", "c", "d"] })).toMatch(/"list": must have at most/);
  });

  test("the union's own message is used, unless the value nearly matches an alternative", () => {
    const text = z.union([z.string().max(3), z.object({ text: z.string() })], "must be a text, or an object with one");
    expect(refusal(z.array(text), ["a", 7])).toBe('Cannot accept field "1": must be a text, or an object with one.');
    expect(refusal(z.array(text), ["long"])).toMatch(/"0": must have at most/);
    expect(refusal(z.array(text), [{ text: 7 }])).toMatch(/"0.text": .*must be a string/);
  });

  test("the error for an invalid key names the path of the key", () => {
    const bias = z.object({ bias: z.record(z.string().regex(/^\d+$/, "keys are token ids"), z.number()) });
    expect(refusal(bias, { bias: { a: 1 } })).toBe('Cannot accept field "bias.a": keys are token ids.');
  });

  test("if the request itself has the wrong type, the error names no field", () => {
    expect(refusal(z.union([z.string(), z.number()]), [])).toBe(
      "Cannot accept the request: must be a string or a number.",
    );
  });
});

test("at most twenty problems are listed, and long field names are cut", () => {
  const wide = z.strictObject({});
  const keys = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}`.padEnd(5_000, "x"), 1]));
  const { error } = wide.safeParse(keys);
  const { problems } = invalidArgument(error as z.ZodError).details as { problems: { field: string }[] };
  expect(problems).toHaveLength(20);
  expect(problems.every(({ field }) => field.length <= 200)).toBe(true);
});
