// Tests keywords that are compiled into other keywords: accepted values, rejected values, and random texts that a validator checks.
import { describe, expect, it } from "vitest";
import { expectAccepts, refusal } from "../testing/compiled-schema.ts";

type Row = readonly [schema: object, valid: readonly unknown[], invalid: readonly unknown[]];

const samples = 40;

function check(rows: Readonly<Record<string, Row>>): void {
  it.each(Object.entries(rows))("%s", (_, [schema, valid, invalid]) => {
    expectAccepts(schema, valid, invalid).expectValid(samples);
  });
}

const integer = { type: "integer" };
const text = { type: "string" };

describe("names of members", () => {
  check({
    "patternProperties, and no other members": [
      { type: "object", patternProperties: { "^x-": integer } },
      [{}, { "x-a": 1, "x-": 2 }],
      [{ a: 1 }, { "x-a": "1" }],
    ],
    "patternProperties with declared properties": [
      { type: "object", properties: { a: integer }, patternProperties: { "^x": text }, required: ["a"] },
      [{ a: 1, x: "" }],
      [{ x: "" }, { a: 1, x: 1 }],
    ],
    "patternProperties that match a declared name": [
      { type: "object", properties: { ab: { minimum: 3 } }, patternProperties: { "^a": integer } },
      [{ ab: 3, ac: 1 }],
      [{ ab: 2 }, { ab: 3.5 }],
    ],
    "patternProperties with undeclared names": [
      { type: "object", patternProperties: { "^s": text }, additionalProperties: integer },
      [{ s: "", a: 1 }],
      [{ s: 1 }, { a: "" }],
    ],
    "patternProperties that overlap": [
      {
        type: "object",
        patternProperties: { a: { minimum: 2 }, b: { ...integer, maximum: 5 } },
        additionalProperties: false,
      },
      [{ a: 9.5, b: 1, ab: 3 }],
      [{ ab: 1 }, { ba: 6 }, { c: 1 }],
    ],
    "propertyNames by pattern": [
      { type: "object", propertyNames: { pattern: "^[a-z]{1,3}$" }, additionalProperties: integer },
      [{ a: 1, abc: 2 }],
      [{ abcd: 1 }, { A: 1 }, { "": 1 }],
    ],
    "propertyNames by length": [{ type: "object", propertyNames: { maxLength: 2 } }, [{ a: 1, ab: {} }], [{ abc: 1 }]],
    "propertyNames by enum, which count as declared": [
      { type: "object", propertyNames: { enum: ["b", "a"] }, additionalProperties: integer },
      [{}, { b: 1 }, { b: 1, a: 2 }],
      [{ c: 1 }, { a: "" }],
    ],
    "propertyNames by enum, all required": [
      {
        type: "object",
        propertyNames: { type: "string", enum: ["a", "b"] },
        additionalProperties: integer,
        required: ["a", "b"],
      },
      [{ a: 1, b: 1 }],
      [{ a: 1 }],
    ],
    "propertyNames that forbid a declared name": [
      { type: "object", properties: { ab: integer, c: integer }, propertyNames: { maxLength: 1 } },
      [{}, { c: 1 }],
      [{ ab: 1 }],
    ],
    "minProperties of a map": [
      { type: "object", additionalProperties: integer, minProperties: 1 },
      [{ a: 1 }, { a: 1, b: 2 }],
      [{}],
    ],
    "maxProperties of a map": [
      { type: "object", additionalProperties: integer, maxProperties: 2 },
      [{}, { a: 1 }, { a: 1, b: 2 }],
      [{ a: 1, b: 2, c: 3 }],
    ],
    "minProperties with declared properties": [
      { type: "object", properties: { a: integer, b: integer, c: integer }, minProperties: 2 },
      [
        { a: 1, b: 1 },
        { a: 1, c: 1 },
        { b: 1, c: 1 },
        { a: 1, b: 1, c: 1 },
      ],
      [{}, { a: 1 }, { c: 1 }],
    ],
    "counts with declared and required properties": [
      {
        type: "object",
        properties: { a: integer, b: integer, c: integer, d: integer },
        required: ["c"],
        minProperties: 2,
        maxProperties: 3,
      },
      [
        { a: 1, c: 1 },
        { c: 1, d: 1 },
        { a: 1, b: 1, c: 1 },
      ],
      [{ c: 1 }, { a: 1, b: 1 }, { a: 1, b: 1, c: 1, d: 1 }],
    ],
    "counts with declared and undeclared properties": [
      { type: "object", properties: { a: integer, b: integer }, additionalProperties: text, minProperties: 2 },
      [
        { a: 1, b: 1 },
        { b: 1, x: "" },
      ],
      [{ a: 1 }, {}],
    ],
    "an empty list of properties below the root": [
      { type: "object", properties: { a: { type: "object", properties: {} } } },
      [{ a: { x: 1 } }],
      [{ a: 1 }],
    ],
  });

  it.each([
    ["minProperties", { type: "object", additionalProperties: integer, minProperties: 2 }],
    ["patternProperties", { type: "object", patternProperties: { "(": {} } }],
    [
      "patternProperties",
      { type: "object", patternProperties: Object.fromEntries("abcdefghi".split("").map((c) => [c, {}])) },
    ],
  ])("rejects %s if it cannot be compiled", (keyword, schema) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword });
  });
});

describe("oneOf", () => {
  check({
    "by required members": [
      {
        type: "object",
        properties: { a: integer, b: integer, c: integer },
        oneOf: [{ required: ["a"] }, { required: ["b"] }, { required: ["c"] }],
      },
      [{ a: 1 }, { b: 1 }, { c: 1 }],
      [{}, { a: 1, b: 1 }, { a: 1, c: 1 }, { b: 1, c: 1 }],
    ],
    "with a discriminator that has a default": [
      {
        oneOf: [
          { type: "object", properties: { kind: { const: "a", default: "a" }, x: integer } },
          { type: "object", properties: { kind: { const: "b" }, y: integer }, required: ["kind"] },
        ],
      },
      [{ kind: "a", x: 1 }, { x: 1 }, { kind: "b" }],
      [{ kind: "c" }, { kind: "b", x: 1 }],
    ],
    "with a discriminator that no schema requires": [
      { oneOf: ["a", "b"].map((kind) => ({ type: "object", properties: { kind: { const: kind }, x: integer } })) },
      [{ kind: "a", x: 1 }, { kind: "b" }],
      [{}, { x: 1 }, { kind: "c" }],
    ],
  });

  it.each([
    [[integer, { type: "number", minimum: 2 }]],
    [[{ enum: [1, 2] }, { enum: [2, 3] }]],
    [["^a", "b$"].map((pattern) => ({ type: "string", pattern }))],
    [["a", "b"].map((kind) => ({ minLength: 1, properties: { kind: { const: kind } }, required: ["kind"] }))],
    [[{ properties: { a: integer } }, { properties: { a: { minimum: 1 } }, additionalProperties: true }]],
  ])("is refused if nothing separates its schemas: %j", (oneOf) => {
    const error = refusal({ properties: { a: { oneOf } } });
    expect(error).toMatchObject({ name: "UnsupportedSchemaError", keyword: "oneOf", path: "/properties/a/oneOf" });
  });
});

describe("items", () => {
  const tuple = { type: "array", items: [integer, text] };
  // These rows are tested without Ajv, because Ajv supports only draft 2020-12, where `items` cannot be a list.
  it.each(
    Object.entries<Row>({
      "a tuple of the older drafts": [tuple, [[1, "a"]], [[1], [1, "a", 2], ["a", 1]]],
      "a tuple with additionalItems": [
        { ...tuple, additionalItems: integer },
        [
          [1, "a"],
          [1, "a", 2, 3],
        ],
        [[1, "a", "b"]],
      ],
      "a tuple with minItems": [{ ...tuple, minItems: 1 }, [[1], [1, "a"]], [[], [1, 1]]],
      "additionalItems without a tuple": [{ type: "array", items: integer, additionalItems: text }, [[1, 2]], [["a"]]],
    }),
  )("%s", (_, [schema, valid, invalid]) => void expectAccepts(schema, valid, invalid));
  check({
    contains: [{ type: "array", items: integer, contains: { minimum: 5 } }, [[5], [1, 6], [7, 1, 8]], [[], [1]]],
    "contains within counts": [
      { type: "array", items: integer, contains: { const: 5 }, minItems: 2, maxItems: 3 },
      [
        [5, 1],
        [1, 5],
        [1, 2, 5],
      ],
      [[5], [1, 2], [1, 2, 3], [5, 1, 1, 1]],
    ],
  });

  it.each([[{ type: "array", contains: integer, allOf: [{ contains: text }] }, "contains"]])(
    "refuses %j",
    (schema, keyword) => {
      expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword });
    },
  );
});

describe("bounds of numbers", () => {
  it("reads exclusive bounds of draft 4", () => {
    const schema = { ...integer, minimum: 0, exclusiveMinimum: true, maximum: 10, exclusiveMaximum: false };
    expectAccepts(schema, [1, 10], [0, 11]);
  });
});

describe("names of schemas", () => {
  const node = { type: "object", properties: { v: integer, next: { $ref: "#node" } }, required: ["v"] };
  it.each(
    Object.entries<object>({
      "an anchor": { $ref: "#node", $defs: { n: { $anchor: "node", ...node } } },
      "an id of a fragment": { $ref: "#node", definitions: { n: { $id: "#node", ...node } } },
      "an id": {
        $ref: "n.json",
        $defs: { n: { $id: "n.json", ...node, properties: { v: integer, next: { $ref: "n.json" } } } },
      },
      "an id resolved against the id of the root": {
        $id: "https://x.org/s/root.json",
        $ref: "https://x.org/s/n.json",
        $defs: { n: { $id: "n.json", ...node, properties: { v: integer, next: { $ref: "n.json" } } } },
      },
      "the id of the root": {
        $id: "https://x.org/root.json",
        ...node,
        properties: { v: integer, next: { $ref: "https://x.org/root.json" } },
      },
      "a pointer below an id": {
        $id: "https://x.org/root.json",
        $ref: "https://x.org/root.json#/$defs/n",
        $defs: { n: { ...node, properties: { v: integer, next: { $ref: "#/$defs/n" } } } },
      },
    }),
  )("are found by %s", (_, schema) => {
    expectAccepts(schema, [{ v: 1, next: { v: 2 } }], [{ v: 1, next: {} }]);
  });

  it("are not searched outside of the document", () => {
    expect(refusal({ $ref: "other.json" })).toMatchObject({ keyword: "$ref", path: "/$ref" });
  });
});
