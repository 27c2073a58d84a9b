// Generates random schemas for tests, each with random values that are valid by construction.
import fc from "fast-check";
import { hasExactNumbers } from "../json-schema/numbers/exact-numbers.ts";

export interface TypedSchema {
  readonly schema: Readonly<Record<string, unknown>> | boolean;
  readonly values: fc.Arbitrary<unknown>;
}

/**
 * JSON values without numbers that are rejected as fixed values. Names on which Ajv fails are also left out: in comparisons, Ajv calls a value's
 * `valueOf` and `toString`.
 */
const plainJson = fc
  .jsonValue({ maxDepth: 2 })
  .filter(hasExactNumbers)
  .filter((value) => !/"(valueOf|toString|constructor|__proto__)"/.test(JSON.stringify(value)));

/** Names with JSON escapes, JSON Pointer escapes, and names that are prefixes of other names. */
const names = ["a", "ab", "abc", "name", "größe", "a/b", "~", 'say "hi"', "", "with space", "type", "required"];
const patterns = [
  "^[a-z]{1,8}$",
  "^\\d{3}-\\d{4}$",
  "^(?:red|green|blue)$",
  "^[^\\s]+@[^\\s]+$",
  "b+",
  "^x",
  "y$",
  "^(?:[A-Z][a-z]* ?){1,3}$",
  "^\\w+(?:-\\w+)*$",
  "^.{2,5}$",
];

const anything: TypedSchema = {
  schema: {},
  values: fc.constantFrom<unknown>(null, true, 0, -1.5, "x", [], {}, [1, { a: [] }]),
};

/** Strings without the characters that represent markers: no grammar writes these characters. */
const texts = (lengths: fc.StringConstraints = {}): fc.Arbitrary<string> =>
  fc.string({ unit: "binary", ...lengths }).filter((text) => !/[\uFDD0-\uFDEF]/.test(text));

const strings: fc.Arbitrary<TypedSchema> = fc.oneof(
  fc.tuple(fc.nat(6), fc.nat(12)).map(([minLength, more]) => ({
    schema: { type: "string", minLength, maxLength: minLength + more },
    values: texts({ minLength, maxLength: minLength + more }),
  })),
  fc.constant<TypedSchema>({ schema: { type: "string" }, values: texts() }),
  fc.constantFrom(...patterns).map((pattern) => ({
    schema: { type: "string", pattern },
    values: fc.stringMatching(new RegExp(pattern, "u")),
  })),
  fc
    .tuple(fc.constantFrom(...patterns), fc.integer({ min: 5, max: 12 }))
    .map(([pattern, maxLength]) => ({
      schema: { pattern, maxLength, minLength: 3 },
      values: fc
        .stringMatching(new RegExp(pattern, "u"))
        .filter((text) => [...text].length >= 3 && [...text].length <= maxLength),
    }))
    .filter(({ schema }) => schema.pattern !== "^\\d{3}-\\d{4}$" || schema.maxLength >= 8),
);

const bounds = fc.oneof(
  fc.integer({ min: -200, max: 200 }),
  fc.integer({ min: -1e9, max: 1e9 }),
  fc.constantFrom(0, 9, 10, 99, 100),
);

const integers: fc.Arbitrary<TypedSchema> = fc.oneof(
  fc.constant<TypedSchema>({ schema: { type: "integer" }, values: fc.integer() }),
  fc.tuple(bounds, fc.nat(300)).map(([minimum, more]) => ({
    schema: { type: "integer", minimum, maximum: minimum + more },
    values: fc.integer({ min: minimum, max: minimum + more }),
  })),
  bounds.map((low) => ({
    schema: { type: "integer", exclusiveMinimum: low },
    values: fc.nat(5_000).map((more) => low + 1 + more),
  })),
  bounds.map((high) => ({
    schema: { type: "integer", maximum: high + 0.5 },
    values: fc.nat(5_000).map((less) => high - less),
  })),
);

const hundredths = fc.integer({ min: -100_000, max: 100_000 });

const numbers: fc.Arbitrary<TypedSchema> = fc.oneof(
  fc.constant<TypedSchema>({ schema: { type: "number" }, values: hundredths.map((value) => value / 100) }),
  fc.tuple(hundredths, fc.nat(1_000)).map(([low, more]) => ({
    schema: { type: "number", minimum: low / 100, maximum: (low + more) / 100 },
    values: fc.integer({ min: low, max: low + more }).map((value) => value / 100),
  })),
  hundredths.map((low) => ({
    schema: { type: "number", exclusiveMinimum: low / 100 },
    values: fc.integer({ min: 1, max: 5_000 }).map((more) => (low + more) / 100),
  })),
  hundredths.map((high) => ({
    schema: { type: "number", exclusiveMaximum: high / 100 },
    values: fc.integer({ min: 1, max: 5_000 }).map((less) => (high - less) / 100),
  })),
);

const fixed: fc.Arbitrary<TypedSchema> = fc.oneof(
  fc
    .uniqueArray(fc.constantFrom<unknown>("red", "grün", 'q"', 1, 2.5, -3, true, null, "with\nline"), {
      minLength: 1,
      maxLength: 5,
    })
    .map((values) => ({ schema: { enum: values }, values: fc.constantFrom(...values) })),
  plainJson.map((value) => ({ schema: { const: value }, values: fc.constant(value) })),
  fc.constantFrom<TypedSchema>(
    { schema: { type: "boolean" }, values: fc.boolean() },
    { schema: { type: "null" }, values: fc.constant(null) },
    { schema: { type: ["string", "null"] }, values: fc.option(fc.string()) },
    { schema: true, values: anything.values },
    { schema: { $ref: "#/$defs/tree" }, values: fc.constantFrom({ value: 1 }, { value: 2, children: [{ value: 3 }] }) },
  ),
);

/** Definitions that every generated schema may refer to. */
const definitions = {
  tree: {
    type: "object",
    properties: {
      value: { type: "integer" },
      children: { type: "array", items: { $ref: "#/$defs/tree" }, maxItems: 3 },
    },
    required: ["value"],
    additionalProperties: false,
  },
};

function arrays(item: fc.Arbitrary<TypedSchema>): fc.Arbitrary<TypedSchema> {
  return fc.oneof(
    fc.tuple(item, fc.nat(3), fc.nat(4)).map(([items, minItems, more]) => ({
      schema: { type: "array", items: items.schema, minItems, maxItems: minItems + more },
      values: fc.array(items.values, { minLength: minItems, maxLength: minItems + more }),
    })),
    fc.tuple(fc.array(item, { minLength: 1, maxLength: 3 }), item).map(([prefix, items]) => ({
      schema: { type: "array", prefixItems: prefix.map(({ schema }) => schema), items: items.schema },
      values: fc
        .tuple(fc.tuple(...prefix.map(({ values }) => values)), fc.array(items.values, { maxLength: 2 }))
        .map(([placed, rest]) => [...placed, ...rest]),
    })),
  );
}

interface Property {
  readonly name: string;
  readonly type: TypedSchema;
  readonly required: boolean;
}

function objects(item: fc.Arbitrary<TypedSchema>): fc.Arbitrary<TypedSchema> {
  const property = fc.record({ name: fc.constantFrom(...names), type: item, required: fc.boolean() });
  const properties = fc.uniqueArray(property, { maxLength: 5, selector: ({ name }) => name });
  return fc.oneof(
    fc.tuple(properties, fc.constantFrom(undefined, false)).map(([list, additional]) => objectOf(list, additional)),
    fc.tuple(properties, item).map(([list, extra]) => withExtras(objectOf(list, extra.schema), extra)),
    fc.tuple(properties, properties).map(([one, other]) => allOf(one, other)),
  );
}

function objectOf(list: readonly Property[], additionalProperties?: unknown): TypedSchema {
  const schema = {
    type: "object",
    properties: Object.fromEntries(list.map(({ name, type }) => [name, type.schema])),
    required: list.filter(({ required }) => required).map(({ name }) => name),
    ...(additionalProperties === undefined ? {} : { additionalProperties }),
  };
  return { schema, values: membersOf(list) };
}

function membersOf(list: readonly Property[]): fc.Arbitrary<Record<string, unknown>> {
  const members = list.map(({ name, type, required }) =>
    fc
      .tuple(type.values, required ? fc.constant(true) : fc.boolean())
      .map(([value, present]) => (present ? [[name, value] as const] : [])),
  );
  return fc.tuple(...members).map((parts) => Object.fromEntries(parts.flat()));
}

function withExtras(object: TypedSchema, extra: TypedSchema): TypedSchema {
  const extras = fc.dictionary(fc.constantFrom("x", "extra", "abcd", "nam"), extra.values, {
    maxKeys: 2,
    noNullPrototype: true,
  });
  return {
    schema: object.schema,
    values: fc.tuple(object.values, extras).map(([members, more]) => ({ ...(members as object), ...more })),
  };
}

/** Combines two object schemas. The members of the second schema get names that the first schema does not have. */
function allOf(one: readonly Property[], other: readonly Property[]): TypedSchema {
  const renamed = other.map((property) => ({ ...property, name: `second ${property.name}` }));
  return {
    schema: { allOf: [objectOf(one).schema, objectOf(renamed).schema] },
    values: fc.tuple(membersOf(one), membersOf(renamed)).map(([a, b]) => ({ ...a, ...b })),
  };
}

function unions(item: fc.Arbitrary<TypedSchema>): fc.Arbitrary<TypedSchema> {
  const discriminated = (kind: string, type: TypedSchema): TypedSchema =>
    objectOf([
      { name: "kind", type: { schema: { const: kind }, values: fc.constant(kind) }, required: true },
      { name: "value", type, required: true },
    ]);
  return fc.oneof(
    fc.array(item, { minLength: 1, maxLength: 3 }).map((options) => ({
      schema: { anyOf: options.map(({ schema }) => schema) },
      values: fc.oneof(...options.map(({ values }) => values)),
    })),
    fc.array(item, { minLength: 1, maxLength: 3 }).map((types) => {
      const options = types.map((type, index) => discriminated(`kind ${index}`, type));
      return {
        schema: { oneOf: [...options.map(({ schema }) => schema), { type: "integer" }] },
        values: fc.oneof(fc.integer(), ...options.map(({ values }) => values)),
      };
    }),
  );
}

const scalars = fc.oneof(strings, integers, numbers, fixed);

function nested(depth: number): fc.Arbitrary<TypedSchema> {
  if (depth === 0) return scalars;
  const item = nested(depth - 1);
  return fc.oneof(scalars, arrays(item), objects(item), unions(item));
}

/** Schemas with up to two levels. No name looks like an integer, since JavaScript would put such a name first. */
export const typedSchemas: fc.Arbitrary<TypedSchema> = nested(2);

/** The schema, with the definitions to which it may refer. */
export function withDefinitions({ schema }: TypedSchema): unknown {
  return typeof schema === "boolean" ? schema : { ...schema, $defs: definitions };
}
