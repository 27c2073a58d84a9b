import { describe, expect, it } from "vitest";
import { compileSchema, expectAccepts, refusal } from "../testing/compiled-schema.ts";

describe("types and fixed values", () => {
  it.each([
    ["string", "a"],
    ["number", 1.5],
    ["integer", 2],
    ["boolean", true],
    ["null", null],
    ["object", { a: 1 }],
    ["array", [1]],
  ])("%s accepts only values of this type", (type, value) => {
    const { accepts } = compileSchema({ type });
    const others = ["a", 1.5, true, null, { a: 1 }, [1]].filter(
      (other) => JSON.stringify(other) !== JSON.stringify(value),
    );
    expect(accepts(value)).toBe(true);
    expect(others.filter(accepts)).toEqual([]);
  });

  it("accepts several types, and any value for an empty schema", () => {
    expectAccepts({ type: ["integer", "null", "string"], minLength: 2 }, [1, null, "ab"], [1.5, "a", true]);
    for (const schema of [
      {},
      true,
      { title: "any", description: "thing", default: 1, examples: [1], $comment: "no", "x-own": 1 },
    ]) {
      expect([1.5, "a", null, [{}]].every(compileSchema(schema).accepts)).toBe(true);
    }
  });

  it("writes the types to which the keywords apply if the schema has no type", () => {
    expectAccepts({ properties: { a: {} }, minItems: 1 }, [{ a: 1 }, [1]], ["a", 1, []]);
  });

  it("accepts enum and const of any type, and drops values that other keywords exclude", () => {
    expectAccepts(
      { enum: ["a", "abc", 1, 5, null, [1, { b: 2 }]], minLength: 2, maximum: 3 },
      ["abc", 1, null, [1, { b: 2 }]],
      ["a", 5],
    );
    expect(compileSchema({ type: ["string", "null"], enum: ["a", 1, null] }).accepts(1)).toBe(false);
    expect(compileSchema({ enum: ["a1", "b"], pattern: "\\d" }).accepts("b")).toBe(false);
    expect(compileSchema({ const: { b: 1, a: [true] } }).acceptsText('{"b":1,"a":[true]}')).toBe(true);
  });

  it("checks fixed objects and arrays against the keywords for their type", () => {
    const values = [{ a: 1 }, { a: "x" }, { b: 1 }, [1], [1, 2], [["x"]]];
    const keywords = { properties: { a: { type: "integer" } }, required: ["a"], minItems: 1 };
    const { accepts } = compileSchema({ enum: values, ...keywords, items: { type: "integer" } });
    expect(values.filter(accepts)).toEqual([{ a: 1 }, [1], [1, 2]]);
  });

  it("writes many fixed values as a tree, so that few readings are open at a time", () => {
    const values = Array.from({ length: 2_000 }, (_, index) => `value ${index}`);
    const awkward = ["", "v", "value", "value 1 and more", '"', "\\", "é", "😀", "😁", 1, 12, -1, null, [1], { a: 1 }];
    const { accepts, widest, expectValid } = compileSchema({ enum: [...values, ...awkward] });
    expect([...values, ...awkward].filter((value) => !accepts(value))).toEqual([]);
    expect(["value 2000", "valu", "value ", 2, []].filter(accepts)).toEqual([]);
    expect(widest('"value 1999"')).toBeLessThan(20);
    expectValid(200);
    const growing = Array.from({ length: 100 }, (_, index) => "a".repeat(index));
    const nested = compileSchema({ enum: growing });
    expect(growing.filter((value) => !nested.accepts(value))).toEqual([]);
    expect(nested.accepts("a".repeat(100))).toBe(false);
  });

  it("keeps the values that all enums contain, with their members in any order", () => {
    expectAccepts(
      { allOf: [{ enum: [1, 2, { a: 1, b: 2 }] }, { enum: [2, 3, { b: 2, a: 1 }] }] },
      [2, { a: 1, b: 2 }],
      [1, 3],
    );
  });

  it.each([
    [{ type: "text" }, "type", "/type"],
    [{ type: [] }, "type", "/type"],
    [{ enum: [] }, "schema", ""],
    [{ enum: {} }, "enum", "/enum"],
    [{ type: "string", enum: [1] }, "schema", ""],
    [{ allOf: [{ const: 1 }, { const: 2 }] }, "schema", "/allOf/0"],
    [{ allOf: [{ type: "string" }, { type: "null" }] }, "schema", "/allOf/0"],
    [{ enum: [[1]], minItems: 2 }, "schema", ""],
  ])("rejects %j", (schema, keyword, path) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword, path });
  });
});

describe("combinations", () => {
  it("joins anyOf with the other keywords of the schema", () => {
    const schema = {
      type: "object",
      properties: { a: { type: "null" }, b: { type: "null" } },
      anyOf: [{ required: ["a"] }, { required: ["b"] }],
    };
    expectAccepts(schema, [{ a: null }, { b: null }, { a: null, b: null }], [{}]).expectValid(30);
  });

  it("combines the options of several anyOf, and drops contradictions", () => {
    const schema = {
      allOf: [
        { anyOf: [{ type: "string" }, { type: "integer" }] },
        { anyOf: [{ type: "null" }, { type: "integer", minimum: 3 }] },
      ],
    };
    const { accepts, text } = compileSchema(schema);
    expect(accepts(3)).toBe(true);
    expect(["a", null, 2].filter(accepts)).toEqual([]);
    expect(text).not.toContain("string");
  });

  it("joins objects in allOf, and applies each schema's rule for members that the schema does not declare", () => {
    const schema = {
      allOf: [
        { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
        { properties: { b: { type: "null" }, a: { maximum: 3 } } },
      ],
    };
    expectAccepts(schema, [{ a: 3 }, { a: 1, b: null }], [{ a: 4 }, { b: null }]).expectValid(50);
    const closed = {
      allOf: [{ properties: { a: {} }, additionalProperties: false }, { properties: { a: { type: "null" }, b: {} } }],
    };
    expectAccepts(closed, [{ a: null }], [{ a: null, b: 1 }]);
    const open = {
      allOf: [
        { properties: { a: {} }, additionalProperties: { type: "string" } },
        { additionalProperties: { minLength: 2 } },
      ],
    };
    compileSchema(open).expectValid(50);
    expectAccepts(open, [{ a: "ab", x: "ab" }], [{ x: "b" }]);
  });

  it.each(
    Object.entries<object[]>({
      "by type": [{ type: "string" }, { type: "integer" }, { type: ["null", "boolean"] }],
      "by fixed values": [{ enum: ["a", "b"] }, { const: "c" }, { enum: [1, { a: 1 }] }],
      "by a required property": [
        { type: "object", properties: { kind: { const: "a" }, x: { type: "integer" } }, required: ["kind"] },
        { type: "object", properties: { kind: { enum: ["b", "c"] }, y: { type: "integer" } }, required: ["kind", "y"] },
        { $ref: "#/$defs/d" },
      ],
      "by a property that one schema requires": [
        { properties: { kind: { const: "a" } } },
        { properties: { kind: { const: "b" } }, required: ["kind"] },
      ],
      "by a property within a property": [
        { properties: { head: { properties: { v: { const: 1 } }, required: ["v"] } }, required: ["head"] },
        { properties: { head: { properties: { v: { const: 2 } }, required: ["v"] } }, required: ["head"] },
      ],
    }),
  )("accepts oneOf whose schemas exclude each other %s", (_, oneOf) => {
    const $defs = { d: { type: "object", properties: { kind: { const: "d" } }, required: ["kind"] } };
    compileSchema({ oneOf, $defs }).expectValid(60);
  });
});

describe("oneOf together with other keywords", () => {
  const kinds = ["a", "b"].map((kind) => ({ properties: { kind: { const: kind } }, required: ["kind"] }));

  it("fulfils the oneOf and the other keywords", () => {
    compileSchema({ type: "object", properties: { x: { type: "null" } }, oneOf: kinds }).expectValid(30);
    compileSchema({ type: "object", anyOf: [{ required: ["x"] }, { required: ["y"] }], oneOf: kinds }).expectValid(30);
  });
});

describe("references", () => {
  it("may be local, escaped and recursive, with other keywords next to them", () => {
    const schema = {
      $ref: "#/$defs/a~1b%20c",
      required: ["next"],
      $defs: {
        "a/b c": { type: "object", properties: { next: { anyOf: [{ $ref: "#/$defs/a~1b c" }, { type: "null" }] } } },
      },
    };
    expectAccepts(schema, [{ next: null }, { next: {} }, { next: { next: { next: null } } }], [{}, { next: 1 }]);
  });

  it("may lead to the whole schema", () => {
    const schema = {
      type: "object",
      properties: { children: { type: "array", items: { $ref: "#" } } },
      required: ["children"],
    };
    const { accepts, expectValid, text } = compileSchema(schema);
    expect(accepts({ children: [{ children: [] }, { children: [] }] })).toBe(true);
    expect(text.length).toBeLessThan(200);
    expectValid(50);
  });

  it("lead to no infinite values", () => {
    const endless = { type: "object", properties: { a: { $ref: "#/$defs/endless" } }, required: ["a"] };
    const { accepts, text } = compileSchema({
      anyOf: [{ $ref: "#/$defs/endless" }, { type: "null" }],
      $defs: { endless },
    });
    expect(accepts(null)).toBe(true);
    expect(text).not.toContain("endless");
  });

  it.each([
    [{ $ref: "#/$defs/none" }, "$ref", "/$ref"],
    [{ $ref: "other.json#/a" }, "$ref", "/$ref"],
    [{ $ref: "#anchor" }, "$ref", "/$ref"],
    [{ $ref: 5 }, "$ref", "/$ref"],
    [{ $ref: "#" }, "$ref", "/$ref"],
    [{ $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } }, "$ref", "/$defs/b/$ref"],
    [{ allOf: [{ $ref: "#" }] }, "$ref", "/allOf/0/$ref"],
    [{ anyOf: [{ $ref: "#" }, { type: "null" }] }, "schema", ""],
    [{ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }, "schema", ""],
    [{ anyOf: [] }, "anyOf", "/anyOf"],
    [{ allOf: {} }, "allOf", "/allOf"],
  ])("rejects %j", (schema, keyword, path) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword, path });
  });
});
