import { describe, expect, it } from "vitest";
import { hostileSchemas } from "../testing/hostile-schemas.ts";
import { refusal } from "../testing/compiled-schema.ts";
import { UnsupportedSchemaError } from "../rules/errors.ts";
import { jsonSchemaToGbnf } from "./json-grammar.ts";
import { defaultGrammarLimits } from "../rules/limits.ts";

describe("unsupported keywords", () => {
  it.each([
    ["not", {}],
    ["dependentRequired", { a: ["b"] }],
    ["dependentSchemas", { a: {} }],
    ["dependencies", { a: ["b"] }],
    ["multipleOf", 5],
    ["uniqueItems", true],
    ["maxContains", 1],
    ["unevaluatedProperties", false],
    ["unevaluatedItems", false],
    ["$dynamicRef", "#a"],
    ["$recursiveRef", "#"],
  ])("%s is rejected with its name and path", (keyword, value) => {
    const error = refusal({ properties: { "a/b": { items: { [keyword]: value } } } });
    expect(error).toMatchObject({ keyword, path: `/properties/a~1b/items/${keyword}` });
    expect(String(error)).toContain(`"${keyword}" at /properties/a~1b/items/${keyword} is not supported`);
  });

  it.each(["then", "else"])("if with %s is rejected", (branch) => {
    // The linter takes an object literal with a member `then` for a promise.
    const schema = Object.fromEntries([
      ["if", true],
      [branch, false],
    ]);
    expect(refusal({ items: schema })).toMatchObject({ keyword: "if", path: "/items/if" });
  });

  it("are accepted where they have no effect", () => {
    const schema = {
      type: "array",
      uniqueItems: false,
      unevaluatedItems: true,
      items: { minProperties: 0, patternProperties: {}, not: false, dependencies: {}, else: {} },
    };
    expect(jsonSchemaToGbnf(schema)).toContain("root ::= ");
  });

  it.each([[undefined], [null], [5], ["{}"], [[]]])("a schema must not be %j", (schema) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword: "schema", path: "" });
  });

  it("reports a deep path with a short message", () => {
    const error = refusal({ properties: { ["x".repeat(5_000)]: { maxContains: 1 } } });
    expect(error).toBeInstanceOf(UnsupportedSchemaError);
    expect((error as Error).message.length).toBeLessThan(400);
  });
});

function nested(depth: number, wrap: (schema: unknown) => unknown): unknown {
  let schema: unknown = { type: "null" };
  for (let i = 0; i < depth; i += 1) schema = wrap(schema);
  return schema;
}

function properties(count: number, schemaOf: (index: number) => unknown): object {
  return {
    type: "object",
    properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, schemaOf(index)])),
  };
}

const fanOut = Object.fromEntries(
  Array.from({ length: 31 }, (_, i) => [
    [`a${i}`, i === 30 ? { type: "null" } : { anyOf: [{ $ref: `#/$defs/b${i}` }, { $ref: `#/$defs/c${i}` }] }],
    [`b${i}`, { anyOf: [{ $ref: `#/$defs/a${i + 1}` }, { const: 1 }] }],
    [`c${i}`, { anyOf: [{ $ref: `#/$defs/a${i + 1}` }, { const: 2 }] }],
  ]).flat(),
);

describe("limits", () => {
  it.each(
    Object.entries<unknown>({
      "deeply nested schemas": nested(10_000, (items) => ({ items })),
      "deeply nested allOf": nested(10_000, (schema) => ({ allOf: [schema] })),
      "deeply nested anyOf": nested(10_000, (schema) => ({ anyOf: [schema, { type: "null" }] })),
      "a deeply nested value": { const: nested(10_000, (value) => [value]) },
      "a long chain of references": {
        $ref: "#/$defs/0",
        $defs: Array.from({ length: 3_000 }, (_, i) => ({ $ref: `#/$defs/${i + 1}` })),
      },
      "possible beginnings that double at each step": { $ref: "#/$defs/a0", $defs: fanOut },
      "many anyOf that multiply": {
        allOf: Array.from({ length: 12 }, (_, i) => ({
          anyOf: Array.from({ length: 6 }, (_1, j) => ({ properties: { [`p${i}${j}`]: {} } })),
        })),
      },
      "oneOf with thousands of schemas": { oneOf: Array.from({ length: 1_500 }, (_, i) => ({ const: i })) },
      "a huge enum": { enum: Array.from({ length: 100_000 }, (_, i) => i) },
      "many counted strings": properties(2_000, (i) => ({ type: "string", maxLength: 1_000 + i })),
      "thousands of properties": properties(4_900, () => ({ type: "integer", title: "x", minimum: 3, maximum: 77 })),
      "many properties from which other names must differ": {
        ...properties(4_900, () => ({})),
        additionalProperties: true,
      },
      "a very long name": { ...properties(1, () => ({})), required: ["x".repeat(300_000)], additionalProperties: true },
      "counted groups in counted groups": { type: "string", pattern: "^(([a-z]{0,1000},){0,1000}x){0,1000}$" },
      "an exponential automaton": { type: "string", pattern: "^(?=.*b).*a.{20}$" },
      "many optional letters": {
        type: "string",
        pattern: Array.from({ length: 900 }, (_, i) => `${String.fromCharCode(0x4e00 + i)}?`).join(""),
      },
      "many lookaheads": {
        type: "string",
        pattern: Array.from({ length: 80 }, (_, i) => `(?=.*${String.fromCharCode(0x4e00 + i)})`).join(""),
      },
    }),
  )("reject %s with a typed error", (_, schema) => {
    expect(refusal(schema)).toBeInstanceOf(UnsupportedSchemaError);
  });

  it.each(Object.entries(hostileSchemas))("hold for %s", (_, make) => {
    const schema: unknown = JSON.parse(JSON.stringify(make(25_000)));
    const result = refusal(schema);
    expect(result instanceof UnsupportedSchemaError || Object.hasOwn(result as object, "grammar")).toBe(true);
  });

  it.each([
    ["grammarChars", 100],
    ["repetitions", 9],
    ["expandedRepetitions", 9],
    ["schemaDepth", 1],
    ["schemaNodes", 1],
    ["patternChars", 5],
    ["patternStates", 2],
    ["steps", 50],
    ["alternatives", 1],
  ] as const)("%s can be set", (limit, value) => {
    const schema = {
      type: "object",
      properties: {
        a: { type: "string", minLength: 10 },
        b: { type: "string", pattern: "^(?!a)[abc]*x" },
        c: { enum: [1, 2] },
      },
    };
    expect(jsonSchemaToGbnf(schema)).toContain("root ::= ");
    expect(() => jsonSchemaToGbnf(schema, { limits: { [limit]: value } })).toThrow(UnsupportedSchemaError);
  });

  it("are positive integers", () => {
    expect(Object.values(defaultGrammarLimits).every((limit) => Number.isInteger(limit) && limit > 0)).toBe(true);
  });
});
