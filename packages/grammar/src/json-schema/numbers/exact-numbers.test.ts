import { describe, expect, it } from "vitest";
import { compileSchema, refusal } from "../../testing/compiled-schema.ts";
import { hasExactNumbers } from "./exact-numbers.ts";

describe("numbers that a double cannot hold", () => {
  it.each(["1e400", "-1e400", "9007199254740993", "12345678901234567890", "1e300", '[{"a":1e400}]'])(
    "are rejected as a fixed value: %s",
    (text) => {
      for (const keyword of ["const", "enum"]) {
        const schema: unknown = JSON.parse(
          `{"properties":{"a":{"${keyword}":${keyword === "enum" ? `[1,${text}]` : text}}}}`,
        );
        expect(refusal(schema)).toMatchObject({ keyword, path: `/properties/a/${keyword}` });
      }
    },
  );

  it.each(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxItems"])(
    "are rejected as %s",
    (keyword) => {
      expect(refusal(JSON.parse(`{"items":{"${keyword}":1e400}}`))).toMatchObject({
        keyword,
        path: `/items/${keyword}`,
      });
    },
  );

  it("are never a stricter bound when they are rounded", () => {
    const { accepts, acceptsText } = compileSchema(
      JSON.parse('{"type":"integer","minimum":-3,"maximum":18446744073709551615}'),
    );
    expect([accepts(2 ** 53 - 1), acceptsText("18446744073709551616"), accepts(-4)]).toEqual([true, false, false]);
    expect(refusal(JSON.parse('{"type":"integer","minimum":9007199254740993}'))).toMatchObject({ keyword: "minimum" });
  });

  it("are distinguished from numbers that a double can hold", () => {
    const exact = [0, -0, 0.1, 1e-300, 2 ** 53 - 1, [1, { a: "1e400" }], null, "x"];
    expect(exact.filter((value) => !hasExactNumbers(value))).toEqual([]);
    expect([Infinity, 2 ** 53, [[2 ** 60]], { a: -Infinity }].filter(hasExactNumbers)).toEqual([]);
  });
});
