// Owns hostile JSON schemas: slow to compile, exponential in size, or impossible as a grammar.

export interface HostileSchema {
  readonly name: string;
  /** Returns JSON text: JSON.stringify cannot write some of the schemas. A function, because some schemas are large. */
  readonly write: () => string;
  /** The only valid answer if the schema is accepted. A schema whose number cannot be represented must be refused. */
  readonly exactly?: string;
}

const text = (value: unknown): string => JSON.stringify(value);
const times = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index));
const members = <T>(count: number, value: (index: number) => T): Record<string, T> =>
  Object.fromEntries(times(count, (index) => [`p${index}`, value(index)]));

/** An allOf of unions: a compiler has to consider their product. */
function product(unions: number, options: number, keyword: "anyOf" | "oneOf"): unknown {
  const option = (union: number, index: number): unknown => ({
    type: "object",
    properties: { [`u${union}`]: { const: `v${index}` } },
    required: [`u${union}`],
    additionalProperties: true,
  });
  return { allOf: times(unions, (union) => ({ [keyword]: times(options, (index) => option(union, index)) })) };
}

/** Each definition refers to the next definition twice. */
function doubling(levels: number): unknown {
  const next = (index: number): unknown => ({ $ref: `#/$defs/p${index + 1}` });
  const level = (index: number): unknown =>
    index === levels
      ? { type: "string" }
      : { type: "object", properties: { a: next(index), b: next(index) }, required: ["a", "b"] };
  return { $ref: "#/$defs/p0", $defs: members(levels + 1, level) };
}

function referenceChain(links: number): unknown {
  const link = (index: number): unknown => (index === links ? { type: "string" } : { $ref: `#/$defs/p${index + 1}` });
  return { $ref: "#/$defs/p0", $defs: members(links + 1, link) };
}

function nestedObjects(depth: number): string {
  return `${'{"type":"object","properties":{"a":'.repeat(depth)}{"type":"string"}${'},"required":["a"]}'.repeat(depth)}`;
}

const optionalMembers = (count: number): unknown => ({
  type: "object",
  properties: members(count, (index) => ({ type: "string", maxLength: (index % 50) + 1 })),
  additionalProperties: false,
});
const distinctPatterns = (count: number): unknown => ({
  type: "object",
  properties: members(count, (index) => ({
    type: "string",
    pattern: `^(a|b${index}|[c-z]{1,${(index % 40) + 2}}){2,9}$`,
  })),
  required: times(count, (index) => `p${index}`),
});
const numberRanges = (count: number): unknown => ({
  anyOf: times(count, (index) => ({ type: "number", minimum: index + 0.123_456_789, maximum: index * 7_919.5 + 1e9 })),
});
const patterned = (pattern: string): string => text({ type: "string", pattern });

/** The first one takes most work: a test of only one takes this one. */
export const hostileSchemas: readonly HostileSchema[] = [
  { name: "195 KB of patterns", write: () => text(distinctPatterns(2_300)) },
  { name: "const 1e400", write: () => '{"const":1e400}', exactly: "" },
  { name: "const of a big integer", write: () => '{"const":9007199254740993}', exactly: "9007199254740993" },
  {
    name: "enum of a larger integer",
    write: () => '{"enum":[123456789012345678901234567890]}',
    exactly: "123456789012345678901234567890",
  },
  { name: "minimum 1e400", write: () => '{"type":"number","minimum":1e400}' },
  { name: "maxLength 1e400", write: () => '{"type":"string","maxLength":1e400}' },
  { name: "maxItems of a big integer", write: () => '{"type":"array","maxItems":123456789012345678901234567890}' },
  { name: "const of half a surrogate pair", write: () => '{"const":"\\ud800"}' },
  {
    name: "a member named __proto__",
    write: () => '{"type":"object","properties":{"__proto__":{"type":"string"}},"required":["__proto__"]}',
  },
  { name: "$ref into the prototype", write: () => '{"$ref":"#/__proto__/constructor"}' },
  { name: "a schema that refers to itself", write: () => '{"$ref":"#"}' },
  {
    name: "two schemas that refer to each other",
    write: () => '{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}',
  },
  { name: "allOf of itself", write: () => '{"allOf":[{"$ref":"#"},{"type":"object"}]}' },
  {
    name: "recursion through a required member",
    write: () => '{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}',
  },
  { name: "recursive lists", write: () => '{"type":"array","items":{"$ref":"#"},"minItems":1}' },
  { name: "a chain of 60 references", write: () => text(referenceChain(60)) },
  { name: "a chain of 5,000 references", write: () => text(referenceChain(5_000)) },
  { name: "30 levels of two references each", write: () => text(doubling(30)) },
  { name: "objects 60 deep", write: () => nestedObjects(60) },
  { name: "objects 5,000 deep", write: () => nestedObjects(5_000) },
  { name: "anyOf 1,000 deep", write: () => `${'{"anyOf":['.repeat(1_000)}{"type":"null"}${"]}".repeat(1_000)}` },
  { name: "not 20,000 deep", write: () => `${'{"not":'.repeat(20_000)}{}${"}".repeat(20_000)}` },
  { name: "a product of 8 unions of 8", write: () => text(product(8, 8, "anyOf")) },
  { name: "a product of 20 unions of 3", write: () => text(product(20, 3, "anyOf")) },
  { name: "a product of 5 exclusive unions of 6", write: () => text(product(5, 6, "oneOf")) },
  {
    name: "oneOf of 400 objects",
    write: () =>
      text({
        oneOf: times(400, (index) => ({
          type: "object",
          properties: { kind: { const: `k${index}` }, ...members(10, () => ({ type: "integer" })) },
          required: ["kind"],
        })),
      }),
  },
  { name: "an enum of 20,000 texts", write: () => text({ enum: times(20_000, (index) => `value ${index * 7_919}`) }) },
  { name: "an enum of 3 MB", write: () => text({ enum: times(3_000, (index) => `${index} ${"x".repeat(1_000)}`) }) },
  { name: "an enum of one text of 200,000 letters", write: () => text({ enum: ["x".repeat(200_000)] }) },
  { name: "15 KB of optional members", write: () => text(optionalMembers(330)) },
  { name: "195 KB of optional members", write: () => text(optionalMembers(4_000)) },
  { name: "15 KB of patterns", write: () => text(distinctPatterns(180)) },
  { name: "15 KB of number ranges", write: () => text(numberRanges(220)) },
  { name: "195 KB of number ranges", write: () => text(numberRanges(2_700)) },
  { name: "3.9 MB of members", write: () => text(optionalMembers(80_000)) },
  { name: "a pattern of 200,000 letters", write: () => patterned(`^${"a".repeat(200_000)}$`) },
  { name: "a pattern of nested repetitions", write: () => patterned("^((((a{1,50}){1,50}){1,50}){1,50}){1,50}$") },
  { name: "a pattern of ambiguous repetitions", write: () => patterned("^(a*)*(a|a?)*(aa|a)+b$") },
  { name: "a pattern with an exponential automaton", write: () => patterned("^(a|b)*a(a|b){18}$") },
  {
    name: "a pattern of many lookaheads",
    write: () => patterned(`^${times(30, (index) => `(?=.*${index})`).join("")}.*$`),
  },
  { name: "a pattern of 2,000 parentheses", write: () => patterned(`^${"(".repeat(2_000)}a${")".repeat(2_000)}$`) },
  { name: "a pattern with a back reference", write: () => patterned("^(a+)\\1$") },
  { name: "a pattern of 100,000 times", write: () => patterned("^[a-z]{100000}$") },
  { name: "patternProperties", write: () => '{"type":"object","patternProperties":{"^(a+)+$":{"type":"string"}}}' },
  { name: "text of 100,000 letters", write: () => '{"type":"string","minLength":100000,"maxLength":100000}' },
  {
    name: "lists of lists of 100,000",
    write: () => '{"type":"array","minItems":100000,"items":{"type":"array","minItems":100000,"items":{"enum":[1]}}}',
  },
  {
    name: "a tuple of 20,000",
    write: () => text({ type: "array", prefixItems: times(20_000, () => ({ type: "boolean" })) }),
  },
  { name: "wrong keywords", write: () => '{"type":7,"properties":[],"required":{},"enum":5,"items":"x","pattern":3}' },
  { name: "multipleOf 1e-300", write: () => '{"type":"number","multipleOf":1e-300}' },
];
