// Tests idioms of schema libraries: the JSON Schema that the library generates for an idiom compiles, and accepts the intended value.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { compileSchema, expectAccepts } from "../testing/compiled-schema.ts";

interface Category {
  readonly name: string;
  readonly subcategories: Category[];
}

const category: z.ZodType<Category> = z.object({
  name: z.string(),
  get subcategories() {
    return z.array(category);
  },
});

const cat = z.object({ kind: z.literal("cat"), lives: z.int().min(1).max(9) });
const dog = z.object({ kind: z.literal("dog"), breed: z.enum(["lab", "pug"]) });
const person = z.object({ name: z.string(), age: z.number().optional() });

/** Each type, with a value that the grammar must accept. */
const zodIdioms: Readonly<Record<string, readonly [type: z.ZodType, value: unknown]>> = {
  string: [z.string(), "a"],
  "string with lengths": [z.string().min(1).max(80), "a"],
  "string with a huge maximum": [z.string().max(10_000_000), "a"],
  "string by pattern and length": [
    z
      .string()
      .regex(/^[A-Z]{2}-\d+$/)
      .max(12),
    "AB-12",
  ],
  "string that begins": [z.string().startsWith("sk-"), "sk-1"],
  "string that ends": [z.string().endsWith(".ts"), "a.ts"],
  "string that contains": [z.string().includes("@"), "a@b"],
  lowercase: [z.string().lowercase(), "abc"],
  email: [z.email(), "first.last@mail.example.co.uk"],
  url: [z.url(), "https://example.com/a?b=c"],
  uuid: [z.uuid(), "123e4567-e89b-42d3-a456-426614174000"],
  guid: [z.guid(), "123e4567-e89b-12d3-a456-426614174000"],
  nanoid: [z.nanoid(), "V1StGXR8_Z5jdHi6B-myT"],
  cuid2: [z.cuid2(), "tz4a98xxat96iws9zmbrgj3a"],
  ulid: [z.ulid(), "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
  base64: [z.base64(), "aGVsbG8="],
  base64url: [z.base64url(), "aGVsbG8"],
  ipv4: [z.ipv4(), "192.168.0.1"],
  cidrv4: [z.cidrv4(), "10.0.0.0/8"],
  "iso date": [z.iso.date(), "2024-02-29"],
  "iso time": [z.iso.time(), "12:30:00"],
  "iso datetime": [z.iso.datetime(), "2024-02-29T12:30:00Z"],
  "iso datetime with offset": [z.iso.datetime({ offset: true }), "2024-02-29T12:30:00+02:00"],
  "iso duration": [z.iso.duration(), "P3DT4H"],
  number: [z.number(), 1.5],
  integer: [z.int(), 3],
  "32 bits": [z.int32(), -7],
  positive: [z.number().positive(), 0.5],
  nonnegative: [z.number().nonnegative(), 0],
  between: [z.number().min(-1).max(1), -0.25],
  boolean: [z.boolean(), true],
  null: [z.null(), null],
  any: [z.any(), { a: [1] }],
  unknown: [z.unknown(), "x"],
  literal: [z.literal("a"), "a"],
  "several literals": [z.literal(["a", 1, null]), 1],
  enum: [z.enum(["a", "b"]), "b"],
  nullable: [z.string().nullable(), null],
  "with a default": [z.object({ a: z.string().default("x") }), { a: "y" }],
  "with a description": [z.string().describe("what it is"), "a"],
  object: [person, { name: "a" }],
  "strict object": [z.strictObject({ a: z.int() }), { a: 1 }],
  "loose object": [z.looseObject({ a: z.int() }), { a: 1, b: "x" }],
  "object with a catchall": [z.object({ a: z.int() }).catchall(z.string()), { a: 1, b: "x" }],
  "object extended": [person.extend({ email: z.email() }), { name: "a", email: "a@b.co" }],
  partial: [person.partial(), {}],
  pick: [person.pick({ name: true }), { name: "a" }],
  array: [z.array(z.string()), ["a"]],
  "array with lengths": [z.array(z.int()).min(1).max(3), [1, 2]],
  tuple: [z.tuple([z.string(), z.int()]), ["a", 1]],
  "tuple with a rest": [z.tuple([z.string()], z.int()), ["a", 1, 2]],
  union: [z.union([z.string(), z.int()]), 3],
  "discriminated union": [z.discriminatedUnion("kind", [cat, dog]), { kind: "dog", breed: "pug" }],
  intersection: [z.intersection(person, z.object({ id: z.int() })), { name: "a", id: 1 }],
  record: [z.record(z.string(), z.int()), { a: 1 }],
  "record of an enum": [z.record(z.enum(["a", "b"]), z.int()), { a: 1, b: 2 }],
  "partial record of an enum": [z.partialRecord(z.enum(["a", "b"]), z.int()), { b: 2 }],
  "record with names by pattern": [z.record(z.string().regex(/^[a-z]+$/), z.int()), { abc: 1 }],
  recursive: [category, { name: "a", subcategories: [{ name: "b", subcategories: [] }] }],
  json: [z.json(), { a: [1, null] }],
  readonly: [z.array(z.string()).readonly(), ["a"]],
  "with a brand": [z.string().brand<"id">(), "a"],
};

describe("idioms of zod", () => {
  const drafts = ["draft-2020-12", "draft-7"] as const;
  it.each(Object.entries(zodIdioms).flatMap(([name, idiom]) => drafts.map((draft) => [name, draft, idiom] as const)))(
    "%s in %s",
    (name, target, [type, value]) => {
      const schema = z.toJSONSchema(type, { target });
      const { accepts, samples } = compileSchema(schema);
      expect(accepts(value)).toBe(true);
      const wrong = samples(10).filter((json) => !type.safeParse(JSON.parse(json)).success);
      expect(wrong).toEqual([]);
    },
  );
});

describe("idioms of pydantic", () => {
  const decimal = { anyOf: [{ type: "number" }, { type: "string", pattern: "^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$" }] };
  const pet = (kind: string): object => ({
    type: "object",
    properties: { kind: { const: kind, default: kind, type: "string" }, name: { type: "string" } },
    required: ["name"],
  });
  it.each(
    Object.entries<[object, unknown[], unknown[]]>({
      Decimal: [decimal, [1.5, "1.50", "-3"], ["x", "-", ""]],
      Optional: [{ anyOf: [{ type: "integer" }, { type: "null" }], default: null }, [1, null], ["a"]],
      "a fixed tuple": [
        { type: "array", minItems: 2, maxItems: 2, prefixItems: [{ type: "integer" }, { type: "string" }] },
        [[1, "a"]],
        [[1]],
      ],
      "dict[str, int] with a minimum size": [
        { type: "object", additionalProperties: { type: "integer" }, minProperties: 1 },
        [{ a: 1 }],
        [{}],
      ],
      "a discriminated union with a default": [
        {
          oneOf: [{ $ref: "#/$defs/Cat" }, { $ref: "#/$defs/Dog" }],
          discriminator: { propertyName: "kind" },
          $defs: { Cat: pet("cat"), Dog: pet("dog") },
        },
        [
          { kind: "cat", name: "a" },
          { kind: "dog", name: "b" },
        ],
        [{ kind: "cow", name: "a" }],
      ],
      "a recursive model": [
        {
          $ref: "#/$defs/Node",
          $defs: {
            Node: {
              type: "object",
              properties: { next: { anyOf: [{ $ref: "#/$defs/Node" }, { type: "null" }], default: null } },
            },
          },
        },
        [{ next: { next: null } }],
        [{ next: 1 }],
      ],
      conint: [{ type: "integer", exclusiveMinimum: 0, maximum: 300 }, [3, 300], [0, 301]],
    }),
  )("%s", (_, [schema, valid, invalid]) => {
    expectAccepts(schema, valid, invalid).expectValid(20);
  });
});
