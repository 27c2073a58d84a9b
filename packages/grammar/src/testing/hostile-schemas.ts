// Makes schemas of any size whose compilation could need far more work than their length suggests. The compiler must stay within its limits.

type Schema = Record<string, unknown>;

const list = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: Math.max(1, count) }, (_, i) => make(i));
const named = (count: number, make: (index: number) => unknown, prefix = "p"): Schema =>
  Object.fromEntries(list(count, (i) => [`${prefix}${i}`, make(i)]));
const properties = (count: number, make: (index: number) => unknown, prefix = "p"): Schema => ({
  type: "object",
  properties: named(count, make, prefix),
});

/** Nests schemas: applies `wrap` to `core`, then to each result, `depth` times. */
function nested(
  depth: number,
  wrap: (inner: unknown, level: number) => unknown,
  core: unknown = { type: "null" },
): unknown {
  let schema = core;
  for (let level = 0; level < depth; level += 1) schema = wrap(schema, level);
  return schema;
}

/** Functions that make a schema of about `chars` characters of JSON. A schema may be smaller if its shape has a limit, such as for entries. */
export const hostileSchemas: Readonly<Record<string, (chars: number) => unknown>> = {
  "optional members": (chars) => properties(Math.min(4_900, chars / 20), () => ({ type: "null" })),
  "members with many schemas": (chars) => ({
    ...properties(chars / 80, () => ({})),
    allOf: list(Math.min(4_900, chars / 80), () => ({ additionalProperties: {}, type: "object" })),
  }),
  "anyOf with many schemas": (chars) => ({
    anyOf: list(Math.min(4_900, chars / 60), (i) => ({ const: i })),
    allOf: list(Math.min(4_900, chars / 60), () => ({ type: "integer" })),
  }),
  "anyOf with anyOf": (chars) => ({
    allOf: list(Math.min(4_900, chars / 70), (i) => ({ anyOf: [{ type: "null" }, { properties: { [`p${i}`]: {} } }] })),
  }),
  "oneOf of enums": (chars) => ({
    oneOf: list(Math.min(900, Math.sqrt(chars / 8)), (i) => ({
      enum: list(Math.min(4_900, Math.sqrt(chars / 8)), (j) => i * 100_000 + j),
    })),
  }),
  "oneOf of a few large enums": (chars) => ({
    oneOf: list(40, (i) => ({ enum: list(Math.min(4_900, chars / 320), (j) => i * 100_000 + j) })),
  }),
  "oneOf of objects with large enums": (chars) => ({
    oneOf: list(80, (i) => ({
      type: "object",
      properties: { kind: { enum: list(Math.min(4_900, chars / 700), (j) => i * 100_000 + j) } },
      required: ["kind"],
    })),
  }),
  "oneOf of objects with many required members": (chars) => ({
    oneOf: list(30, () => {
      const names = list(Math.min(4_900, chars / 900), (j) => `m${j}`);
      return { type: "object", properties: Object.fromEntries(names.map((name) => [name, {}])), required: names };
    }),
  }),
  "oneOf that differs only deep inside": (chars) => ({
    oneOf: list(20, () =>
      nested(
        4,
        (inner) => ({ type: "object", properties: named(5, () => inner), required: ["p0", "p1", "p2", "p3", "p4"] }),
        { type: "object", description: "x".repeat(chars / 20 / 700) },
      ),
    ),
  }),
  "an enum with patterns": (chars) => ({
    type: "string",
    enum: list(Math.min(4_900, chars / 3 / 12), (i) => `text-${i}`),
    allOf: list(chars / 3 / 40, (i) => ({ pattern: `^[a-z]*-?[0-9]*${i % 10}?$` })),
  }),
  "tuples in tuples": (chars) =>
    nested(12, (inner) => ({ type: "array", prefixItems: list(2, () => inner) }), {
      type: "null",
      title: "x".repeat(chars / 4_096),
    }),
  "references to references": (chars) => ({
    $ref: "#/$defs/d0",
    $defs: named(chars / 26, (i) => ({ $ref: `#/$defs/d${i + 1}` }), "d"),
  }),
  "references in a schema with a long name": (chars) => {
    const name = "f".repeat(chars / 2);
    return { $defs: { [name]: { type: "null" } }, ...properties(chars / 2 / 40, () => ({ $ref: "#/$defs/short" })) };
  },
  "combinations of references": (chars) => ({
    $ref: "#/$defs/d0",
    $defs: {
      ...named(
        chars / 120,
        (i) => ({
          anyOf: [
            { $ref: `#/$defs/d${i + 1}`, title: "a" },
            { type: "array", items: { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 2}` }] } },
          ],
        }),
        "d",
      ),
      [`d${Math.min(55, Math.floor(chars / 120))}`]: { type: "null" },
      [`d${Math.min(55, Math.floor(chars / 120)) + 1}`]: { type: "null" },
    },
  }),
  "a long name around many schemas": (chars) => ({
    properties: { ["n".repeat(chars / 2)]: { anyOf: list(Math.min(4_900, chars / 2 / 14), (i) => ({ const: i })) } },
  }),
  "undeclared names with long declared names": (chars) => ({
    ...properties(chars / 220, () => ({}), "n".repeat(200)),
    additionalProperties: true,
  }),
  "undeclared names with many declared names": (chars) => ({
    ...properties(chars / 14, () => ({}), "name"),
    additionalProperties: true,
  }),
  "patterns in members": (chars) =>
    properties(chars / 60, (i) => ({ type: "string", pattern: `^[a-z]{2,${(i % 90) + 3}}[0-9]*x?$` })),
  "large automata": (chars) =>
    properties(chars / 60, (i) => ({ type: "string", pattern: `^(a|b)*a(a|b){${(i % 8) + 2}}$` })),
  "a union of many texts": (chars) => ({
    type: "string",
    pattern: list(Math.min(chars, 2_000) / 6, (i) => `a${i}`).join("|"),
  }),
  "patterns that are unions": (chars) =>
    properties(chars / 2_040, (j) => ({
      type: "string",
      pattern: list(300, (i) => `a${i + j}b`)
        .join("|")
        .slice(0, 2_000),
    })),
  "many patterns at once": (chars) => ({ allOf: list(chars / 40, (i) => ({ type: "string", pattern: `.*${i}.*` })) }),
  "lookaheads that share the rest of the pattern": (chars) => ({
    type: "string",
    pattern: "(a|(?=b))".repeat(Math.min(chars, 2_000) / 9),
  }),
  "a different member in each of many schemas": (chars) => ({
    allOf: list(Math.min(4_900, chars / 50), (i) => ({ type: "object", properties: { [`p${i}`]: {} } })),
  }),
  "oneOf of one long list of types": (chars) => ({
    oneOf: list(Math.min(1_000, chars / 60), () => ({ $ref: "#/$defs/t" })),
    $defs: { t: { type: list(chars / 30, () => "string") } },
  }),
  "oneOf of objects that differ in one of many members": (chars) => ({
    oneOf: list(Math.min(40, chars / 900), (i) => {
      const names = list(Math.min(4_000, chars / 900), (j) => `m${j}`);
      const members = Object.fromEntries(names.map((name) => [name, {}]));
      return { type: "object", properties: { ...members, last: { const: i } }, required: [...names, "last"] };
    }),
  }),
  "one large enum in many conditions": (chars) => ({
    ...properties(Math.min(900, chars / 100), (i) => ({ $ref: "#/$defs/e", pattern: `^x${i}` })),
    $defs: { e: { enum: list(Math.min(4_900, chars / 26), (i) => `text-${i}`) } },
  }),
  "many optional letters in many patterns": (chars) =>
    properties(chars / 2_040, (j) => ({
      type: "string",
      pattern: `^${list(900, (i) => `${String.fromCodePoint(0x4e00 + 2 * i + j)}?`).join("")}$`,
    })),
  "classes with many ranges": (chars) =>
    properties(chars / 2_040, (j) => ({
      type: "string",
      pattern: `[${list(900, (i) => String.fromCodePoint(0x4e00 + 2 * i + j)).join("")}]*`,
    })),
  "counted patterns": (chars) =>
    properties(chars / 60, (i) => ({
      type: "string",
      pattern: `^([a-c]{1,9}-){1,${(i % 20) + 1}}$`,
      maxLength: 90 + i,
    })),
  "counted strings": (chars) =>
    properties(chars / 60, (i) => ({ type: "string", minLength: i, maxLength: 2 * i + 5_000 })),
  "bounded numbers": (chars) =>
    properties(chars / 70, (i) => ({
      type: "number",
      minimum: -1.23456789 * (i + 1),
      maximum: 9.87654321e9 * (i + 1),
    })),
  "a chain of rules backwards": (chars) => ({
    $ref: "#/$defs/d0",
    $defs: named(Math.min(chars / 60, 60), (i) => ({ type: "array", items: { $ref: `#/$defs/d${i + 1}` } }), "d"),
  }),
  "oneOf of patterns that overlap": (chars) => ({
    oneOf: list(Math.min(200, chars / 40), (i) => ({ type: "string", pattern: `^.*${i}.*$` })),
  }),
  "patterns of names": (chars) => ({
    type: "object",
    patternProperties: Object.fromEntries(list(Math.min(4_900, chars / 30), (i) => [`^a.*${i}`, { type: "null" }])),
  }),
  "patterns of names with many members": (chars) => ({
    ...properties(Math.min(4_900, chars / 30), () => ({ type: "null" }), "name"),
    patternProperties: { "^na": {}, e1: { type: "null" } },
  }),
  "counts with many members": (chars) => ({
    ...properties(Math.min(4_900, chars / 30), () => ({ type: "null" })),
    minProperties: 100,
    maxProperties: Math.min(4_000, Math.floor(chars / 60)),
  }),
  "names that are listed": (chars) => ({
    type: "object",
    propertyNames: { enum: list(Math.min(4_900, chars / 12), (i) => `name${i}`) },
    minProperties: 50,
  }),
  "an enum of objects with keywords": (chars) => ({
    enum: list(Math.min(4_900, chars / 60), (i) => ({ a: { b: { c: [i, i, i, { d: null }] } } })),
    properties: { a: { properties: { b: { oneOf: [{ required: ["c"] }, { required: ["d"] }] } } } },
  }),
  "a very long list of types": (chars) => ({ type: list(chars / 9, () => "string") }),
  "very many formats": (chars) =>
    properties(chars / 60, (i) => ({ type: "string", format: i % 2 === 0 ? "email" : "date-time", maxLength: 40 + i })),
};
