import { describe, expect, it } from "vitest";
import { createSchemaTypes, maxSchemasLookedInto } from "./schema-types.ts";

function typesIn(schema: unknown, root: unknown = schema): string[] | undefined {
  const types = createSchemaTypes(root).types(schema);
  return types === undefined ? undefined : [...types].toSorted();
}

describe("a schema's types", () => {
  it.each<[string, unknown, string[] | undefined]>([
    ["one type", { type: "integer" }, ["integer"]],
    ["a list of types", { type: ["string", "null"] }, ["null", "string"]],
    ["nullable, as OpenAPI 3.0 writes it", { type: "number", nullable: true }, ["null", "number"]],
    ["an enum", { type: "string", enum: ["a", 1.5, null] }, ["null", "number", "string"]],
    ["a constant", { const: [1] }, ["array"]],
    [
      "a choice",
      { anyOf: [{ type: "boolean" }, { oneOf: [{ type: "object" }, { const: 5 }] }] },
      ["boolean", "integer", "object"],
    ],
    ["a choice that leaves one open", { anyOf: [{ type: "boolean" }, {}] }, undefined],
    ["all of several", { allOf: [{ type: ["integer", "string"] }, { type: "number" }] }, ["integer"]],
    ["a type next to a choice", { type: "number", anyOf: [{ type: "integer" }, { type: "string" }] }, ["integer"]],
    ["parts that contradict each other", { type: "string", allOf: [{ type: "number" }] }, ["string"]],
    ["members without a type", { properties: { a: {} } }, ["object"]],
    ["items without a type", { items: {} }, ["array"]],
    ["nothing", {}, undefined],
    ["true", true, undefined],
    ["an unknown type", { type: "text" }, undefined],
  ])("%s", (_, schema, types) => {
    expect(typesIn(schema)).toEqual(types);
  });

  it.each<[string, string[] | undefined]>([
    ["#/$defs/a~1b", ["string"]],
    ["#/$defs/a%20c", ["null"]],
    ["#/$defs/list/anyOf/1", ["integer"]],
    ["#", ["object"]],
    ["#/$defs/none", undefined],
    ["https://example.com/schema", undefined],
    ["#/$defs/loop", undefined],
  ])("follow a reference to %s", ($ref, types) => {
    const root = {
      type: "object",
      $defs: {
        "a/b": { type: "string" },
        "a c": { type: "null" },
        list: { anyOf: [{}, { type: "integer" }] },
        loop: { $ref: "#/$defs/loop" },
      },
    };
    expect(typesIn({ $ref }, root)).toEqual(types);
  });

  it("are unknown if the schemas are nested too deep", () => {
    const nested = (depth: number): unknown => (depth === 0 ? { type: "string" } : { allOf: [nested(depth - 1)] });
    expect(typesIn(nested(maxSchemasLookedInto - 1))).toEqual(["string"]);
    expect(typesIn(nested(maxSchemasLookedInto))).toBeUndefined();
    const wide = { anyOf: Array.from({ length: 40 }, () => ({ $ref: "#" })) };
    expect(typesIn(wide)).toBeUndefined();
  });
});

it("members and items are found in all parts of a schema", () => {
  const root = {
    $defs: { place: { properties: { city: { type: "string" } }, additionalProperties: { type: "number" } } },
    allOf: [{ anyOf: [{ type: "null" }, { properties: { at: { $ref: "#/$defs/place" } } }] }],
    properties: { toString: { type: "null" } },
  };
  const schema = createSchemaTypes(root);
  const at = schema.member(root, "at");
  expect(schema.types(schema.member(at, "city"))).toEqual(new Set(["string"]));
  expect(schema.types(schema.member(at, "other"))).toEqual(new Set(["number"]));
  expect(schema.member({ properties: {} }, "toString")).toBeUndefined();
  expect(schema.item({ anyOf: [{ type: "string" }, { items: { type: "null" } }] })).toEqual({ type: "null" });
});
