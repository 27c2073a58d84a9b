import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileSchema } from "../testing/compiled-schema.ts";
import { matchGbnf, readGbnf } from "../testing/match-gbnf.ts";
import { createSampler, seededRandom } from "../testing/sample-gbnf.ts";
import { typedSchemas, withDefinitions } from "../testing/typed-schemas.ts";
import { jsonSchemaToGbnf } from "./json-grammar.ts";
import { freeFormDepth } from "../rules/limits.ts";

describe("jsonSchemaToGbnf", () => {
  it("writes only JSON that is valid for the schema", () => {
    fc.assert(
      fc.property(typedSchemas, fc.nat(), (typed, seed) => compileSchema(withDefinitions(typed)).expectValid(15, seed)),
    );
  });

  it("accepts every valid value with its members in the declared order", () => {
    const cases = typedSchemas.chain((typed) => fc.tuple(fc.constant(withDefinitions(typed)), typed.values));
    fc.assert(fc.property(cases, ([schema, value]) => compileSchema(schema).accepts(value)));
  });

  it("gives the same text for the same schema", () => {
    const once = fc
      .sample(typedSchemas, { numRuns: 20, seed: 7 })
      .map((typed) => jsonSchemaToGbnf(withDefinitions(typed)));
    const again = fc
      .sample(typedSchemas, { numRuns: 20, seed: 7 })
      .map((typed) => jsonSchemaToGbnf(withDefinitions(typed)));
    expect(again).toEqual(once);
  });

  it("allows one space after a colon or a comma, and no other white space", () => {
    const { acceptsText } = compileSchema({
      type: "array",
      items: { type: "object", properties: { a: { type: "null" } } },
    });
    expect(acceptsText('[{"a": null}, {}]')).toBe(true);
    expect(acceptsText('[{"a":  null}]')).toBe(false);
    expect(acceptsText('[ {"a":null}]')).toBe(false);
    expect(acceptsText('[{"a":null}]\n')).toBe(false);
  });

  it("writes a readable grammar", () => {
    const schema = {
      type: "object",
      properties: {
        city: { type: "string", maxLength: 40 },
        days: { type: "array", items: { enum: ["Mon", "Tue"] }, minItems: 1, maxItems: 2 },
      },
      required: ["city"],
    };
    expect(jsonSchemaToGbnf(schema).replace(/^char ::= .*\n/m, "")).toBe(
      [
        String.raw`root ::= "{\"city\":" sp string-0-40 ("," sp root-from-days)? "}"`,
        String.raw`sp ::= " "?`,
        String.raw`string-0-40 ::= "\"" char{0,40} "\""`,
        String.raw`root-from-days ::= "\"days\":" sp days`,
        String.raw`days ::= "[" days-item ("," sp days-item)? "]"`,
        String.raw`days-item ::= "\"Mon\"" | "\"Tue\""`,
        "",
      ].join("\n"),
    );
  });
});

describe("any object", () => {
  const grammar = readGbnf(jsonSchemaToGbnf({ type: "object" }));

  it("is always an object", () => {
    const sample = createSampler(grammar);
    const random = seededRandom(3);
    for (let i = 0; i < 300; i += 1) expect(JSON.parse(sample(random))).toBeTypeOf("object");
  });

  it("may have any members, down to `freeFormDepth`", () => {
    const accepts = (value: unknown): boolean => matchGbnf(grammar, JSON.stringify(value)).accepted;
    fc.assert(fc.property(fc.dictionary(names, plainJson, { noNullPrototype: true }), accepts));
    const nest = (depth: number): unknown => (depth === 0 ? {} : { a: nest(depth - 1) });
    expect(accepts(nest(freeFormDepth - 1))).toBe(true);
    expect(accepts(nest(freeFormDepth))).toBe(false);
    expect(accepts([])).toBe(false);
  });
});

/** Names without the characters that represent control tokens. */
const names = fc.string({ unit: "binary" }).filter((name) => !/[\uFDD0-\uFDEF]/.test(name));

/** Values without numbers whose digits or exponents a grammar does not write. */
const plainJson = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.integer()),
  fc.constant({ a: [{}] }),
);
