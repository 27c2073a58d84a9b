import fc from "fast-check";
import { describe, expect, inject, it } from "vitest";
import { compileSchema, expectAccepts, refusal } from "../../testing/compiled-schema.ts";

describe("integers", () => {
  it("are exactly the integers between the bounds", () => {
    const bound = fc.integer({ min: -1_200, max: 1_200 });
    fc.assert(
      fc.property(bound, bound, (a, b) => {
        const [minimum, maximum] = [Math.min(a, b), Math.max(a, b)];
        const { accepts } = compileSchema({ type: "integer", minimum, maximum });
        const wrong = Array.from({ length: 2_701 }, (_, index) => index - 1_350).filter(
          (value) => accepts(value) !== (value >= minimum && value <= maximum),
        );
        expect(wrong).toEqual([]);
      }),
      { numRuns: inject("runs").slowProperty },
    );
  });

  it.each([
    ["a fraction as the minimum", { minimum: 0.5, maximum: 2 }, [1, 2], [0, 3]],
    ["exclusive fractions", { exclusiveMinimum: 0.5, exclusiveMaximum: 2.5 }, [1, 2], [0, 3]],
    ["exclusive bounds", { exclusiveMinimum: 0, exclusiveMaximum: 3 }, [1, 2], [0, 3]],
    ["the closer of two bounds", { minimum: 0, exclusiveMinimum: 0, maximum: 5, exclusiveMaximum: 9 }, [1, 5], [0, 6]],
    ["the higher of two lower bounds", { minimum: 4, exclusiveMinimum: 1 }, [4], [2, 3]],
    ["no maximum", { minimum: 98 }, [98, 99, 100, 123_456_789_012_345], [97, -98]],
    ["no minimum", { maximum: -3 }, [-3, -10, -999_999_999_999_999], [-2, 0, 3]],
    [
      "all safe integers",
      { minimum: -(2 ** 53) + 1, maximum: 2 ** 53 - 1 },
      [2 ** 53 - 1, 0, -(2 ** 53) + 1],
      [2 ** 53],
    ],
    ["bounds beyond all digits", { minimum: -1e300, maximum: 1e300 }, [2 ** 53 - 1, -5], [2 ** 53]],
  ])("may have %s", (_, keywords, valid, invalid) => {
    expectAccepts({ type: "integer", ...keywords }, valid, invalid);
  });

  it("are the multiples of 1", () => {
    expectAccepts({ type: "number", multipleOf: 1 }, [3, -7], [2.5]);
  });

  it("have no leading zero, no -0 and no exponent", () => {
    const { acceptsText } = compileSchema({ type: "integer", minimum: -5, maximum: 500 });
    expect(["0", "-1", "10"].every(acceptsText)).toBe(true);
    expect(["-0", "007", "1e2", "1.0", "+1"].filter(acceptsText)).toEqual([]);
  });

  it("have a limited number of digits without a bound in the schema", () => {
    const { acceptsText } = compileSchema({ type: "integer" });
    expect([15, 16].map((digits) => acceptsText("9".repeat(digits)))).toEqual([true, false]);
  });
});

describe("numbers", () => {
  it("are exactly the hundredths between the bounds", () => {
    const bound = fc.integer({ min: -300, max: 300 });
    fc.assert(
      fc.property(bound, bound, fc.boolean(), (a, b, exclusive) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b) + 2];
        const keywords = exclusive
          ? { exclusiveMinimum: low / 100, exclusiveMaximum: high / 100 }
          : { minimum: low / 100, maximum: high / 100 };
        const { accepts } = compileSchema({ type: "number", ...keywords });
        const wrong = Array.from({ length: 701 }, (_, index) => index - 350).filter(
          (value) => accepts(value / 100) !== (exclusive ? value > low && value < high : value >= low && value <= high),
        );
        expect(wrong).toEqual([]);
      }),
      { numRuns: inject("runs").slowProperty },
    );
  });

  it("are within their bounds, compared as doubles", () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e16, max: 1e16 });
    const near = fc.tuple(double, fc.constantFrom(0, 1e-9, 0.1, 1, 1e6, 1e12));
    fc.assert(
      fc.property(near, fc.boolean(), fc.boolean(), fc.nat(), ([low, span], openLow, openHigh, seed) => {
        const high = low + span;
        fc.pre(high > low);
        const schema = {
          type: "number",
          [openLow ? "exclusiveMinimum" : "minimum"]: low,
          [openHigh ? "exclusiveMaximum" : "maximum"]: high,
        };
        if (!(refusal(schema) instanceof Error)) compileSchema(schema).expectValid(10, seed);
      }),
    );
  });

  it.each([
    [
      "an exclusive 0",
      { exclusiveMinimum: 0 },
      ["0.1", "0.00000000000001", "5", "123456"],
      ["0", "0.0", "-1", "0.000"],
    ],
    ["distant bounds", { minimum: -3.4e38, maximum: 3.4e38 }, ["0.25", "-7.5", "123456789012345"], ["1e9"]],
    ["bounds beyond 15 digits", { minimum: 5e15, maximum: 6e15 }, ["5000000000000000"], ["6000000000000001", "7"]],
    ["one value", { minimum: 0.25, maximum: 0.25 }, ["0.25", "0.2500"], ["0.2", "0.251", "0.24"]],
    ["a negative range", { minimum: -1.5, maximum: -0.25 }, ["-1.5", "-1", "-0.25"], ["-0.2", "0.5", "-1.51", "-0"]],
    ["no bound", {}, ["0", "-0.5", "1e-7", "1E+21", "12.25e3"], ["01", ".5", "1.", "1e999", "NaN"]],
  ])("may have %s", (_, keywords, valid, invalid) => {
    const { acceptsText } = compileSchema({ type: "number", ...keywords });
    expect(valid.filter((text) => !acceptsText(text))).toEqual([]);
    expect(invalid.filter(acceptsText)).toEqual([]);
  });
});

describe("numbers that cannot be written", () => {
  it.each([
    [{ type: "number", multipleOf: 0.3 }, "multipleOf", "/multipleOf"],
    [{ type: "integer", minimum: 1e20 }, "minimum", "/minimum"],
    [{ type: "number", exclusiveMaximum: -1e20 }, "exclusiveMaximum", "/exclusiveMaximum"],
    [{ type: "integer", minimum: "1" }, "minimum", "/minimum"],
    [{ type: "integer", minimum: 3, maximum: 2 }, "schema", ""],
    [{ type: "integer", minimum: 0.2, maximum: 0.8 }, "schema", ""],
  ])("are rejected: %j", (schema, keyword, path) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword, path });
  });
});
