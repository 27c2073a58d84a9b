// Owns JSON schemas that show whether a worker survives a request: of texts that JSON.stringify cannot write, of megabytes, and of work that takes
// longer than a thread may compute. packages/grammar tests with many more that each schema is compiled within the limits or refused.

export interface HostileSchema {
  readonly name: string;
  /** Returns JSON text. A function, because some schemas are large. */
  readonly write: () => string;
}

const text = (value: unknown): string => JSON.stringify(value);
const members = (count: number, value: (index: number) => unknown): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, value(index)]));

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
  required: Array.from({ length: count }, (_, index) => `p${index}`),
});

/** The first one takes most work: a test of only one takes this one. */
export const hostileSchemas: readonly HostileSchema[] = [
  { name: "195 KB of patterns", write: () => text(distinctPatterns(2_300)) },
  { name: "const 1e400", write: () => '{"const":1e400}' },
  { name: "const of a big integer", write: () => '{"const":9007199254740993}' },
  { name: "const of half a surrogate pair", write: () => '{"const":"\\ud800"}' },
  {
    name: "a member named __proto__",
    write: () => '{"type":"object","properties":{"__proto__":{"type":"string"}},"required":["__proto__"]}',
  },
  { name: "$ref into the prototype", write: () => '{"$ref":"#/__proto__/constructor"}' },
  { name: "anyOf 1,000 deep", write: () => `${'{"anyOf":['.repeat(1_000)}{"type":"null"}${"]}".repeat(1_000)}` },
  { name: "not 20,000 deep", write: () => `${'{"not":'.repeat(20_000)}{}${"}".repeat(20_000)}` },
  { name: "an enum of 3 MB", write: () => text({ enum: Array<string>(3_000).fill("x".repeat(1_000)) }) },
  { name: "3.9 MB of members", write: () => text(optionalMembers(80_000)) },
  {
    name: "a pattern with an exponential automaton",
    write: () => text({ type: "string", pattern: "^(a|b)*a(a|b){18}$" }),
  },
  {
    name: "lists of lists of 100,000",
    write: () => '{"type":"array","minItems":100000,"items":{"type":"array","minItems":100000,"items":{"enum":[1]}}}',
  },
  { name: "wrong keywords", write: () => '{"type":7,"properties":[],"required":{},"enum":5,"items":"x","pattern":3}' },
];
