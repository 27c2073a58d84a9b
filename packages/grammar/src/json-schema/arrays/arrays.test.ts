import { describe, expect, it } from "vitest";
import { compileSchema, expectAccepts, refusal } from "../../testing/compiled-schema.ts";

const list = (length: number, item: unknown = null): unknown[] => Array.from({ length }, () => item);

describe("arrays", () => {
  it.each([
    [0, 0],
    [0, 1],
    [1, 1],
    [0, 5],
    [3, 7],
    [2, undefined],
    [300, 2_500],
  ])("have from %j to %j items", (minItems, maxItems) => {
    const { accepts } = compileSchema({
      items: { type: "null" },
      minItems,
      ...(maxItems === undefined ? {} : { maxItems }),
    });
    const lengths = [0, 1, 2, 3, 4, 5, 6, 7, 8, 299, 300, 301, 2_499, 2_500, 2_501];
    const accepted = lengths.filter((length) => accepts(list(length)));
    expect(accepted).toEqual(lengths.filter((length) => length >= minItems && length <= (maxItems ?? Infinity)));
  });

  it("may have any items if the schema does not restrict the items", () => {
    expect(compileSchema({ type: "array" }).accepts([1, "a", [], {}])).toBe(true);
    expectAccepts({ type: "array", minItems: 2, maxItems: 2 }, [[{}, []]], [[{}]]);
  });

  it("fill all positions of a tuple, and have no further items", () => {
    expectAccepts(
      { type: "array", prefixItems: [{ type: "integer" }, { type: "string" }] },
      [[1, "a"]],
      [[], [1], [1, "a", 2], ["a", 1]],
    );
  });

  it.each([
    [
      { items: { type: "null" } },
      [
        [1, "a"],
        [1, "a", null, null],
      ],
      [[1, "a", 2]],
    ],
    [{ items: { type: "null" }, maxItems: 3 }, [[1, "a", null]], [[1, "a", null, null]]],
    [{ items: false }, [[1, "a"]], [[1, "a", null]]],
    [{ maxItems: 1 }, [[1]], [[], [1, "a"]]],
    [{ minItems: 3 }, [[1, "a", { any: "thing" }]], [[1, "a"]]],
  ])("may be a tuple with %j", (keywords, valid, invalid) => {
    const schema = { type: "array", prefixItems: [{ type: "integer" }, { type: "string" }], ...keywords };
    expectAccepts(schema, valid, invalid).expectValid(50);
  });

  it("end before a position that no value fits", () => {
    const { accepts } = compileSchema({ prefixItems: [{ type: "null" }, false] });
    expect(accepts([null])).toBe(true);
    expect(compileSchema({ prefixItems: [{ type: "null" }, false], items: true }).accepts([null, null])).toBe(false);
    expect(compileSchema({ items: false }).accepts([])).toBe(true);
  });

  it("fulfil items, positions and counts of several schemas", () => {
    const schema = {
      allOf: [
        { type: "array", prefixItems: [{ minimum: 3 }], minItems: 1 },
        { items: { type: "integer", maximum: 5 }, maxItems: 2 },
      ],
    };
    expectAccepts(schema, [[3], [5, -2]], [[], [2], [6], [3, 6], [3, 3, 3]]).expectValid(50);
  });

  it.each([
    [{ type: "array", minItems: 2, maxItems: 1 }, "schema", ""],
    [{ type: "array", minItems: 1, items: false }, "schema", ""],
    [{ type: "array", minItems: 2, prefixItems: [{}, false] }, "schema", ""],
    [{ type: "array", prefixItems: {} }, "prefixItems", "/prefixItems"],
    [{ type: "array", minItems: 1e9 }, "minItems", "/minItems"],
    [{ type: "array", items: 3 }, "schema", "/items"],
  ])("are rejected for %j", (schema, keyword, path) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword, path });
  });
});
