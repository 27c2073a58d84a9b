// Tests keywords that are compiled into other keywords: accepted values, rejected values, and random texts that a validator checks.
import { describe, expect, it } from "vitest";
import { expectAccepts, refusal } from "../testing/compiled-schema.ts";
import { ifThen } from "../testing/hostile-schemas.ts";

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

describe("members that depend on each other", () => {
  const properties = { a: integer, b: integer, c: integer };
  const object = { type: "object", properties };
  check({
    dependentRequired: [
      { ...object, dependentRequired: { a: ["b"] } },
      [{}, { b: 1 }, { a: 1, b: 1 }, { c: 1 }],
      [{ a: 1 }, { a: 1, c: 1 }],
    ],
    "dependentRequired in both directions": [
      { ...object, dependentRequired: { a: ["b"], b: ["a"] } },
      [{}, { a: 1, b: 1 }],
      [{ a: 1 }, { b: 1 }],
    ],
    dependentSchemas: [
      { ...object, dependentSchemas: { a: { properties: { b: { minimum: 5 } }, required: ["b"] } } },
      [{ b: 1 }, { a: 1, b: 5 }],
      [{ a: 1 }, { a: 1, b: 4 }],
    ],
    "dependencies of the older drafts": [
      { ...object, dependencies: { a: ["b"], c: { required: ["a"] } } },
      [{}, { a: 1, b: 1, c: 1 }],
      [{ c: 1 }, { a: 1 }],
    ],
    "if, then, else by a fixed value": [
      {
        ...object,
        required: ["a"],
        ...ifThen({ properties: { a: { const: 1 } } }, { required: ["b"] }, { required: ["c"] }),
      },
      [
        { a: 1, b: 1 },
        { a: 2, c: 1 },
      ],
      [
        { a: 1, c: 1 },
        { a: 2, b: 1 },
      ],
    ],
    "if without else, by presence": [
      { ...object, ...ifThen({ required: ["a"] }, { required: ["b"] }) },
      [{}, { c: 1 }, { a: 1, b: 2 }],
      [{ a: 1 }],
    ],
    "not required": [{ ...object, not: { required: ["a"] } }, [{}, { b: 1 }], [{ a: 1 }]],
    "not both required": [
      { ...object, not: { required: ["a", "b"] } },
      [{}, { a: 1 }, { b: 1, c: 1 }],
      [{ a: 1, b: 1 }],
    ],
    "oneOf by required members": [
      { ...object, oneOf: [{ required: ["a"] }, { required: ["b"] }] },
      [{ a: 1 }, { b: 1, c: 1 }],
      [{}, { a: 1, b: 1 }],
    ],
  });
});

describe("negation", () => {
  check({
    "not a type": [{ not: { type: ["string", "object", "array"] } }, [1, null, true], ["a", {}, []]],
    "not an integer": [{ type: "number", not: integer }, [1.5, -0.25], [1, 0]],
    "not a value": [{ type: "string", not: { enum: ["a", "ab"] } }, ["", "b", "abc"], ["a", "ab"]],
    "not a number": [{ type: "integer", not: { const: 0 } }, [1, -1], [0]],
    "not null": [{ type: ["string", "null"], not: { const: null } }, ["a"], [null]],
    "not a bound": [{ type: "integer", not: { minimum: 3 } }, [2, -5], [3]],
    "not a pattern": [{ type: "string", not: { pattern: "^a" } }, ["", "ba"], ["a", "ab"]],
    "not a length": [{ type: "string", not: { minLength: 2 } }, ["", "a"], ["ab"]],
    "not a multiple": [{ type: "integer", not: { multipleOf: 3 } }, [1, 10, -2], [3, 0, -9]],
    "not one of several": [{ type: "string", not: { anyOf: [{ const: "a" }, { pattern: "b" }] } }, ["c"], ["a", "ab"]],
    "not all of several": [
      { type: "string", not: { allOf: [{ pattern: "a" }, { pattern: "b" }] } },
      ["c", "a", "b"],
      ["ab"],
    ],
    "not not": [{ not: { not: { type: "null" } } }, [null], [1]],
    "not a referenced schema": [
      { type: "string", not: { $ref: "#/$defs/a" }, $defs: { a: { const: "a" } } },
      ["b"],
      ["a"],
    ],
    "not a value of a member": [
      { type: "object", properties: { a: integer }, required: ["a"], not: { properties: { a: { const: 1 } } } },
      [{ a: 2 }],
      [{ a: 1 }],
    ],
    "oneOf numbers": [{ oneOf: [integer, { type: "number", minimum: 2 }] }, [1, -3, 2.5], [2, 3, 1.5]],
    "oneOf fixed values": [{ oneOf: [{ enum: [1, 2] }, { enum: [2, 3] }] }, [1, 3], [2]],
    "oneOf patterns": [
      {
        oneOf: [
          { type: "string", pattern: "^a" },
          { type: "string", pattern: "b$" },
        ],
      },
      ["a", "b"],
      ["ab", "c"],
    ],
    "oneOf with a discriminator that has a default": [
      {
        oneOf: [
          { type: "object", properties: { kind: { const: "a", default: "a" }, x: integer } },
          { type: "object", properties: { kind: { const: "b" }, y: integer }, required: ["kind"] },
        ],
      },
      [{ kind: "a", x: 1 }, { x: 1 }, { kind: "b" }],
      [{ kind: "c" }, { kind: "b", x: 1 }],
    ],
    "oneOf with other types": [
      {
        minLength: 1,
        oneOf: ["a", "b"].map((kind) => ({ properties: { kind: { const: kind } }, required: ["kind"] })),
      },
      [{ kind: "a" }],
      [{ kind: "c" }, "", "ab"],
    ],
  });

  it("rejects the negation of schemas that a grammar cannot express", () => {
    const schema = { type: "array", not: { uniqueItems: true } };
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword: "not", path: "/not" });
    expect(refusal({ type: "array", ...ifThen({ uniqueItems: true }, { minItems: 1 }) })).toMatchObject({
      keyword: "if",
    });
  });

  it("distinguishes the negation of a schema from a negation in the schema", () => {
    const one = { required: ["a"], not: { required: ["b", "c"] } };
    const two = { required: ["d"] };
    const properties = { a: integer, b: integer, c: integer, d: integer };
    expectAccepts(
      { type: "object", properties, oneOf: [one, two] },
      [{ a: 1 }, { d: 1 }, { a: 1, b: 1, c: 1, d: 1 }],
      [
        { a: 1, d: 1 },
        { a: 1, b: 1, c: 1 },
      ],
    ).expectValid(samples);
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
    "uniqueItems of an enum, in any order": [
      { type: "array", items: { enum: ["a", "b", "c"] }, uniqueItems: true },
      [[], ["c", "a"], ["b", "a", "c"]],
      [
        ["a", "a"],
        ["a", "b", "a"],
      ],
    ],
    "uniqueItems within counts": [
      { type: "array", items: { enum: [1, 2, 3] }, uniqueItems: true, minItems: 2, maxItems: 2 },
      [[3, 1]],
      [[1], [1, 2, 3], [2, 2]],
    ],
    "uniqueItems of a long enum, in its order": [
      { type: "array", items: { enum: Array.from("abcdefghij") }, uniqueItems: true, minItems: 1 },
      [["a"], ["b", "j"]],
      [[], ["b", "b"], ["b", "a"]],
    ],
    "uniqueItems of booleans and null": [
      { type: "array", items: { type: ["boolean", "null"] }, uniqueItems: true },
      [[true, null, false]],
      [[true, true]],
    ],
    "uniqueItems of a small range of numbers": [
      { type: "array", items: { type: "integer", minimum: 1, maximum: 3 }, uniqueItems: true },
      [[3, 1, 2]],
      [[1, 1]],
    ],
    "uniqueItems of one item": [{ type: "array", items: text, uniqueItems: true, maxItems: 1 }, [["a"]], [["a", "b"]]],
  });

  it.each([
    [{ type: "array", items: text, uniqueItems: true }, "uniqueItems"],
    [{ type: "array", contains: integer, allOf: [{ contains: text }] }, "contains"],
  ])("refuses %j", (schema, keyword) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword });
  });
});

describe("steps and bounds of numbers", () => {
  check({
    "multipleOf a small number": [{ ...integer, multipleOf: 7 }, [0, 7, -14, 700_000], [1, -8, 71]],
    "multipleOf within bounds": [
      { ...integer, multipleOf: 3, minimum: -4, maximum: 1_000_000 },
      [-3, 0, 999_999],
      [-6, 1, 1_000_002],
    ],
    "multipleOf with few multiples": [
      { ...integer, multipleOf: 900, minimum: 1, maximum: 3_600 },
      [900, 3_600],
      [0, 901, 4_500],
    ],
    "multipleOf with zeros": [{ ...integer, multipleOf: 1_000 }, [0, 1_000, -25_000], [1, 100, 1_001]],
    "multipleOf hundredths": [{ type: "number", multipleOf: 0.25 }, [0, 1.25, -3.5, 2], [0.1, 1.26]],
    "multipleOf in several schemas": [{ allOf: [{ ...integer, multipleOf: 4 }, { multipleOf: 6 }] }, [12, -24], [4, 6]],
    "multipleOf without a type": [{ multipleOf: 5 }, [5, 10], [1, "a"]],
  });

  it("writes multiples of powers of ten exactly, also if a double rounds them", () => {
    expectAccepts(
      { type: "number", multipleOf: 0.01, minimum: 0, maximum: 20 },
      [0, 19.99, 0.1, 20],
      [0.001, -1, 20.01],
    );
  });

  it("reads exclusive bounds of draft 4", () => {
    const schema = { ...integer, minimum: 0, exclusiveMinimum: true, maximum: 10, exclusiveMaximum: false };
    expectAccepts(schema, [1, 10], [0, 11]);
  });

  it.each([
    [{ ...integer, multipleOf: 0 }],
    [{ ...integer, multipleOf: 7_919 }],
    [{ type: "number", multipleOf: 0.3 }],
  ])("refuses %j", (schema) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword: "multipleOf" });
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
