import fc from "fast-check";
import { describe, expect, inject, it } from "vitest";
import { compileSchema, expectAccepts, refusal } from "../../testing/compiled-schema.ts";
import { formatPatterns } from "./formats.ts";

describe("strings", () => {
  const { accepts, acceptsText } = compileSchema({ type: "string" });

  it("may have any text, in every spelling of JSON", () => {
    const isFit = (text: string): boolean => /[\uFDD0-\uFDEF]/.test(text) || accepts(text);
    fc.assert(fc.property(fc.string({ unit: "binary" }), isFit), { numRuns: inject("runs").slowProperty });
    expect(
      ['"\\/"', '"\\u00e9\\u00E9"', '"\\ud83d\\uDE00"', '"\\u0000"', '"\u007f\u2028"'].filter(
        (text) => !acceptsText(text),
      ),
    ).toEqual([]);
  });

  it("contain no raw control characters, unknown escapes or lone surrogates", () => {
    const broken = [
      '"\n"',
      '"\u0000"',
      '"\\x41"',
      '"\\u00g0"',
      '"\\ud83d"',
      '"\\ude00"',
      '"\\ud83d\\u0041"',
      '"\ud83d"',
      '"a',
      "'a'",
    ];
    expect(broken.filter(acceptsText)).toEqual([]);
  });

  it.each([
    [0, 3],
    [2, 2],
    [255, 258],
    [3, undefined],
    [2_050, 2_600],
  ])("have from %j to %j characters, where an escape or an emoji counts as one", (minLength, maxLength) => {
    const schema = { type: "string", minLength, ...(maxLength === undefined ? {} : { maxLength }) };
    const bounded = compileSchema(schema);
    const longest = maxLength ?? minLength + 700;
    const lengths = [
      minLength,
      minLength + 1,
      minLength + 255,
      minLength + 511,
      Math.floor((minLength + longest) / 2),
      longest - 1,
      longest,
    ];
    for (const char of ["x", "😀", "\n"]) {
      for (const length of lengths.filter((value) => value >= minLength && value <= longest)) {
        expect(bounded.accepts(char.repeat(length)), `${length} characters`).toBe(true);
      }
      if (minLength > 0) expect(bounded.accepts(char.repeat(minLength - 1))).toBe(false);
      if (maxLength !== undefined) expect(bounded.accepts(char.repeat(maxLength + 1))).toBe(false);
    }
  });

  it.each(["^a+$", "b{3}", "^x.*y$", "^(?:\\d\\d)+$", "[^a]z"])(
    "fulfil both the pattern %s and a length",
    (pattern) => {
      const bounded = compileSchema({ type: "string", pattern, minLength: 3, maxLength: 7 });
      bounded.expectValid(100);
      const texts = fc.stringMatching(new RegExp(pattern, "u"));
      const isFit = (text: string): boolean => [...text].length >= 3 && [...text].length <= 7;
      fc.assert(fc.property(texts, (text) => bounded.accepts(text) === isFit(text)));
    },
  );

  it("need no count for a length that the pattern already guarantees", () => {
    const { text } = compileSchema({ type: "string", pattern: "^[a-z]{2,5}$", minLength: 1, maxLength: 5 });
    expect(text).toContain('"\\"" [a-z]{2,5} "\\""');
  });

  it("are shorter than allowed if counting to maxLength needs too many states", () => {
    const { accepts: takes, expectValid } = compileSchema({
      type: "string",
      pattern: "^\\S+@\\S+$",
      maxLength: 50_000,
    });
    expectValid(20);
    expect(takes("a@b")).toBe(true);
    expect(takes(`a@${"b".repeat(300)}`)).toBe(true);
  });

  it("fulfil all patterns", () => {
    const both = compileSchema({
      allOf: [{ type: "string", pattern: "^[a-f]+$" }, { pattern: "cd" }, { pattern: "^.{4}$" }],
    });
    expect(["abcd", "cdcd", "acdf"].filter((text) => !both.accepts(text))).toEqual([]);
    expect(["abc", "abcdx", "xbcd", "abdc"].filter(both.accepts)).toEqual([]);
  });

  it.each([
    [{ type: "string", minLength: 3, maxLength: 2 }, "schema"],
    [{ type: "string", pattern: "^a$", minLength: 2 }, "schema"],
    [{ type: "string", pattern: "a", minLength: 3, maxLength: 2 }, "schema"],
    [{ type: "string", minLength: -1 }, "minLength"],
    [{ type: "string", maxLength: 1.5 }, "maxLength"],
    [{ type: "string", pattern: 5 }, "pattern"],
    [{ type: "string", minLength: 1e9 }, "minLength"],
    [{ type: "string", pattern: "^(?=.*b).*a.{20}$" }, "pattern"],
    [{ type: "string", pattern: "x".repeat(5_000) }, "pattern"],
  ])("are rejected for %j", (schema, keyword) => {
    expect(refusal(schema)).toMatchObject({ name: "UnsupportedSchemaError", keyword });
  });
});

describe("formats", () => {
  it.each([...formatPatterns.keys()])("write only valid texts of the format %s", (format) => {
    compileSchema({ type: "string", format }).expectValid(400);
  });

  it.each([
    [
      "date",
      ["2024-02-29", "2000-02-29", "1999-12-31"],
      ["2023-02-29", "1900-02-29", "2024-13-01", "2024-04-31", "24-01-01"],
    ],
    ["time", ["00:00:00Z", "23:59:59.123+05:30"], ["24:00:00Z", "12:60:00Z", "12:00:00"]],
    ["date-time", ["2024-02-29T12:30:00Z"], ["2024-02-29 12:30:00Z", "2024-02-30T12:30:00Z"]],
    ["duration", ["P1D", "PT5M", "P2W", "P1Y2M3DT4H5M6S"], ["P", "PT", "P1DT", "1D"]],
    [
      "uuid",
      ["123e4567-e89b-12d3-a456-426614174000"],
      ["123e4567e89b12d3a456426614174000", "g23e4567-e89b-12d3-a456-426614174000"],
    ],
    ["email", ["ada.lovelace+x@mail.example.org"], ["ada@", "@example.org", "a..b@example.org", "ada@example"]],
    ["hostname", ["localhost", "a-b.example.org"], ["-a.org", "a..b", "a_b"]],
    ["ipv4", ["0.0.0.0", "192.168.1.255"], ["256.1.1.1", "1.2.3", "01.2.3.4"]],
    ["ipv6", ["::", "::1", "2001:db8::ff00:42:8329", "1:2:3:4:5:6:7:8"], ["1::2::3", "1:2:3:4:5:6:7", ":::"]],
  ])("%s allows %j and not %j", (format, valid, invalid) => {
    expectAccepts({ format }, valid, invalid);
  });

  it("allow any string for an unknown format", () => {
    expect(compileSchema({ type: "string", format: "color" }).accepts("no color")).toBe(true);
  });

  it("are ignored if they contradict the pattern of the schema", () => {
    const { accepts } = compileSchema({ type: "string", format: "time", pattern: "^\\d\\d:\\d\\d$" });
    expect(accepts("12:30")).toBe(true);
  });
});
