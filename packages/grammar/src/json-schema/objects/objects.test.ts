import { describe, expect, it } from "vitest";
import { compileSchema, expectAccepts, refusal } from "../../testing/compiled-schema.ts";
import { jsonSchemaToGbnf } from "../json-grammar.ts";

const names = ["a", "b", "c", "d", "e"];
const subsets = Array.from({ length: 2 ** names.length }, (_, bits) =>
  names.filter((_name, index) => (bits >> index) & 1),
);

function objectSchema(required: readonly string[], more: object = {}): object {
  return {
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, { type: "null" }])),
    required,
    ...more,
  };
}

function objectOf(members: readonly string[]): object {
  return Object.fromEntries(members.map((name) => [name, null]));
}

describe("objects", () => {
  it("share the rules for undeclared names if their declared names are equal", () => {
    const open = (required: readonly string[]): object =>
      objectSchema(required, { additionalProperties: { type: "null" } });
    const rulesOf = (...items: readonly object[]): number =>
      jsonSchemaToGbnf({ type: "array", prefixItems: items, items: false }).match(/^\S+-key\S* ::=/gm)?.length ?? 0;
    expect(rulesOf(open(["a"]))).toBeGreaterThan(0);
    expect(rulesOf(open(["a"]), open(["b"]))).toBe(rulesOf(open(["a"])));
  });

  it.each([[[]], [["a"]], [["c"]], [["e"]], [["b", "d"]], [names]])(
    "allow every subset of the optional members when %j are required",
    (required) => {
      const { accepts } = compileSchema(objectSchema(required));
      const accepted = subsets.filter((members) => accepts(objectOf(members)));
      expect(accepted).toEqual(subsets.filter((members) => required.every((name) => members.includes(name))));
    },
  );

  it("have each member at most once, in the declared order", () => {
    const { accepts, acceptsText } = compileSchema(objectSchema([]));
    expect(accepts({ b: null, a: null })).toBe(false);
    expect(acceptsText('{"a":null,"a":null}')).toBe(false);
    expect(acceptsText('{"a":null,}')).toBe(false);
    expect(acceptsText('{,"a":null}')).toBe(false);
  });

  it("have a grammar that grows with the number of members, not with the number of their subsets", () => {
    const sizeOf = (count: number): number => {
      const properties = Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`member${index}`, { type: "null" }]),
      );
      return jsonSchemaToGbnf({ type: "object", properties }).length;
    };
    expect(sizeOf(200)).toBeLessThan(2.2 * sizeOf(100));
  });

  it("have only declared members if additionalProperties is absent or false", () => {
    for (const more of [{}, { additionalProperties: false }]) {
      expect(compileSchema(objectSchema([], more)).accepts({ x: null })).toBe(false);
    }
  });

  it.each([
    [{ properties: { a: { $ref: "#/$defs/a" } }, $defs: { a: {} } }, (a: object) => ({ $defs: { a } })],
    [{}, (a: object) => ({ properties: { a } })],
    [{}, (a: object) => ({ properties: { a: { anyOf: [a, { type: "null" }] } } })],
    [{}, (a: object) => ({ properties: { a: { allOf: [a, { properties: { n: { type: "null" } } }] } } })],
    [{}, (a: object) => ({ properties: { a }, patternProperties: {} })],
  ])("have only declared members in %j also if the client closes the outermost object only", (outer, within) => {
    const inner = { type: "object", properties: { x: { type: "null" } }, required: ["x"] };
    const schema = { type: "object", required: ["a"], ...outer, ...within(inner), additionalProperties: false };
    expectAccepts(schema, [{ a: { x: null } }], [{ a: { x: null, y: 1 } }]);
    const open = { ...schema, ...within({ ...inner, additionalProperties: true }) };
    expectAccepts(open, [{ a: { x: null, y: 1 } }], [{ a: {} }]);
  });

  it.each([
    { type: "object", properties: {} },
    { properties: {}, required: [] },
  ])("may be any object for %j", (schema) => {
    expectAccepts(schema, [{}, { x: 1 }], []);
  });

  it.each([[[]], [["a"]], [["e"]]])(
    "have undeclared members last, with other names, when %j are required",
    (required) => {
      const { accepts, expectValid } = compileSchema(
        objectSchema(required, { additionalProperties: { type: "integer" } }),
      );
      const members = objectOf(required);
      expect(accepts({ ...members, x: 1, y: 2 })).toBe(true);
      expect(accepts({ ...members, ab: 1, "": 2, é: 3 })).toBe(true);
      expect(accepts({ x: 1, ...objectOf(["a", "e"]) })).toBe(false);
      expect(accepts({ ...members, x: "no integer" })).toBe(false);
      expectValid(200);
    },
  );

  it("never have undeclared members with another spelling of a declared name", () => {
    const properties = { ab: { const: 1 } };
    const { acceptsText } = compileSchema({ type: "object", properties, additionalProperties: true });
    expect(['{"ab":2}', '{"\\u0061b":2}'].filter(acceptsText)).toEqual([]);
    expect(acceptsText('{"a":2,"abc":3,"b":4}')).toBe(true);
  });

  it("may be any object if the schema has only a type", () => {
    expectAccepts({ type: "object" }, [{ any: [{ thing: null }] }], [[]]);
  });

  it("apply additionalProperties to a required member that is not declared", () => {
    expectAccepts(
      { type: "object", required: ["x"], additionalProperties: { type: "integer" } },
      [{ x: 1 }],
      [{ x: "1" }, {}],
    );
    expect(compileSchema({ type: "object", required: ["x"] }).accepts({ x: "anything" })).toBe(true);
  });

  it("leave out an optional member that can have no value", () => {
    expectAccepts({ type: "object", properties: { a: false, b: { type: "null" } } }, [{ b: null }], [{ a: null }]);
  });

  it("accept the propertyNames that generators write for records", () => {
    const { accepts } = compileSchema({
      type: "object",
      propertyNames: { type: "string" },
      additionalProperties: { type: "integer" },
    });
    expect(accepts({ any: 1, name: 2 })).toBe(true);
  });

  it("accept names that JavaScript and JSON Pointer treat specially", () => {
    const schema: unknown = JSON.parse(
      '{"type":"object","properties":{"__proto__":{"type":"integer"},"a/b~c":{"type":"null"},"":{"type":"null"}}}',
    );
    const { acceptsText } = compileSchema(schema);
    expect(acceptsText('{"__proto__":1,"a/b~c":null,"":null}')).toBe(true);
    expect(acceptsText('{"__proto__":null}')).toBe(false);
  });

  it.each([
    [{ type: "object", properties: { a: false }, required: ["a"] }, "schema", ""],
    [{ type: "object", required: ["a"], additionalProperties: false }, "schema", ""],
    [{ type: "object", properties: [] }, "properties", "/properties"],
    [{ type: "object", properties: { a: 5 } }, "schema", "/properties/a"],
    [{ type: "object", required: "a" }, "required", "/required"],
    [{ type: "object", required: [1] }, "required", "/required"],
  ])("without possible values are rejected: %j", (schema, keyword, path) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword, path });
  });
});
