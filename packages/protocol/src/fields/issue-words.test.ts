// Tests the sentences for invalid values, over the request schemas of all routes.
import { expect, it } from "vitest";
import { z } from "zod";
import * as protocol from "../index.ts";

const libraryWords =
  /Invalid (input|option|string|number|key|value|discriminator|ISO|URL|UUID)|Too (big|small)|Unrecognized|expected (string|number|array|object|int|boolean|one of)|received|>=|<=/;
const wrongValues: readonly unknown[] = [
  undefined,
  null,
  true,
  "",
  "?",
  "x".repeat(100_000),
  -1,
  0,
  0.5,
  1e300,
  [],
  {},
  [[]],
  [{}],
  [null],
  Array(5_000).fill(""),
  { type: "?" },
  [{ role: "?" }],
  { x: 1 },
];
const schemas = Object.entries(protocol).flatMap(([name, value]) => {
  const item: unknown = value;
  return item instanceof z.ZodType ? [[name, item] as const] : [];
});

function issuesOf(schema: z.ZodType, value: unknown): z.core.$ZodIssue[] {
  return (schema.safeParse(value).error?.issues ?? []).flatMap(withInside);
}

function withInside(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  const inside = issue.code === "invalid_union" ? issue.errors.flat() : [];
  return [issue, ...inside.flatMap(withInside)];
}

it.each(schemas)("%s has no sentence of a library for a wrong value", (_name, schema) => {
  const fields = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const values = [...wrongValues, ...fields.flatMap((field) => wrongValues.map((value) => ({ [field]: value })))];
  const words = new Set(values.flatMap((value) => issuesOf(schema, value).map(({ message }) => message)));
  expect([...words].filter((word) => libraryWords.test(word))).toEqual([]);
});

it("sweeps over all request schemas", () => {
  expect(schemas.length).toBeGreaterThan(30);
});

it.each([
  [z.number().max(2), 3, "must be at most 2, not 3"],
  [z.int().min(1), 0, "must be at least 1, not 0"],
  [z.number().positive(), 0, "must be more than 0, not 0"],
  [z.number().min(0).max(2), 3, "must be a number from 0 to 2, not 3"],
  [z.number().max(2).min(0).nullish(), -1, "must be a number from 0 to 2, not -1"],
  [z.number().min(0).max(2), "hot", "must be a number from 0 to 2, not a string"],
  [z.number().min(0).max(2), undefined, "missing; must be a number from 0 to 2"],
  [z.number().gt(0).max(1), 0, "must be more than 0 and at most 1, not 0"],
  [z.number().min(0).lt(1), 1, "must be at least 0 and less than 1, not 1"],
  [z.number().gt(0).max(1), "all", "must be a number of more than 0 and at most 1, not a string"],
  [z.int().min(1).max(8), 9, "must be an integer from 1 to 8, not 9"],
  [z.int().min(1).max(8), 0.5, "must be an integer from 1 to 8, not 0.5"],
  [z.number().int().min(1).max(8), "x", "must be an integer from 1 to 8, not a string"],
  [z.int().positive(), 0, "must be more than 0, not 0"],
  [z.int().min(1), 0.5, "must be an integer of at least 1, not 0.5"],
  [z.int().min(1), 1e300, "must be an integer from 1 to 9007199254740991, not 1e+300"],
  [z.string().min(1).max(2), "abc", "must have 1 to 2 characters, not 3"],
  [z.array(z.string()).min(2).max(4), ["a"], "must have 2 to 4 items, not 1"],
  [z.string().length(1), "", "must have exactly 1 character, not 0"],
  [z.array(z.string()).min(1).max(1), [], "must have exactly 1 item, not 0"],
  [z.array(z.number().max(2).min(0)), [3], "must be a number from 0 to 2, not 3"],
  [z.string().max(2), "abc", "must have at most 2 characters, not 3"],
  [z.array(z.string()).min(1), [], "must have at least 1 item, not 0"],
  [z.int(), 0.5, "must be an integer, not 0.5"],
  [z.string(), undefined, "missing; must be a string"],
  [z.enum(["a", "b"]), "secret", 'must be one of "a", "b"'],
  [z.number().multipleOf(4), 3, "must be a multiple of 4, not 3"],
  [z.string().regex(/^a$/), "b", "must be text of the form /^a$/"],
  [z.strictObject({}), { a: 1 }, 'unknown field "a"'],
  [z.union([z.string(), z.number()]), true, "not a valid value"],
  [
    z.discriminatedUnion("type", [z.object({ type: z.literal("a") }), z.object({ type: z.literal("b") })]),
    { type: "c" },
    'must be one of "a", "b"',
  ],
  [z.string().refine(() => false), "a", "not a valid value"],
])("describes issue %#", (schema, value, words) => {
  expect(schema.safeParse(value).error?.issues[0]?.message).toBe(words);
});
