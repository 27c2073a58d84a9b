// Rewrites `not`, `if` and the dependency keywords as alternatives that use other keywords.
import { UnsupportedSchemaError } from "../rules/errors.ts";
import { negate } from "./negation.ts";
import type { SchemaDocument } from "./schema-document.ts";
import { derive, has, isRecord, pathOf, refuse, keywordValue, type SchemaPart } from "./schema-part.ts";

/** Limit for the entries of a dependency keyword: each entry becomes two alternatives, and the alternatives multiply. */
const mostDependencies = 12;

/** Pointers to schemas that together mean the same as the keywords. @throws UnsupportedSchemaError if no such schemas exist */
export function derivedConditions(document: SchemaDocument, part: SchemaPart): readonly string[] {
  return [
    ...(has(part, "not") ? [document.derive(pathOf(part, "not"), () => opposite(document, part))] : []),
    ...(has(part, "if") ? [document.derive(pathOf(part, "if"), () => conditional(document, part))] : []),
    ...["dependencies", "dependentRequired", "dependentSchemas"].flatMap((keyword) =>
      has(part, keyword) ? [document.derive(pathOf(part, keyword), () => dependencies(part, keyword))] : [],
    ),
  ];
}

/** Pointer to a schema that allows only values that the option forbids; undefined if the compiler knows no such values. */
export function oppositeOf(document: SchemaDocument, pointer: string): string | undefined {
  const negation = negate(document.read(pointer), followIn(document));
  if (negation.schema === false && !negation.complete) return undefined;
  return document.derive(pointer, () => negation.schema);
}

function opposite(document: SchemaDocument, part: SchemaPart): unknown {
  const { schema, complete } = negate(keywordValue(part, "not"), followIn(document));
  if (!complete) throw refuse(part, "not", "can negate only types, values, bounds, patterns and members");
  return schema;
}

function conditional(document: SchemaDocument, part: SchemaPart): unknown {
  const condition = keywordValue(part, "if");
  if (!has(part, "then") && !has(part, "else")) return true;
  const { schema, complete } = negate(condition, followIn(document));
  if (!complete) throw refuse(part, "if", "can test only types, values, bounds, patterns and members");
  return derive({
    anyOf: [
      derive({ allOf: [condition, keywordValue(part, "then") ?? true] }),
      derive({ allOf: [schema, keywordValue(part, "else") ?? true] }),
    ],
  });
}

function dependencies(part: SchemaPart, keyword: string): unknown {
  const value = keywordValue(part, keyword);
  if (!isRecord(value)) throw refuse(part, keyword, "must be an object");
  const names = Object.keys(value);
  if (names.length === 0) return true;
  if (names.length > mostDependencies) throw refuse(part, keyword, `has more than ${mostDependencies} entries`);
  return derive({
    allOf: names.map((name) => {
      const needed = value[name];
      const absent = derive({ "~absent": [name] });
      if (!Array.isArray(needed)) return derive({ anyOf: [absent, derive({ required: [name], allOf: [needed] })] });
      return derive({ anyOf: [absent, derive({ required: [name, ...needed] })] });
    }),
  });
}

function followIn(document: SchemaDocument): (ref: unknown) => unknown {
  return (ref) => {
    if (typeof ref !== "string") return undefined;
    try {
      return document.read(document.target({ path: "", schema: { $ref: ref } }));
    } catch (error) {
      if (error instanceof UnsupportedSchemaError) return undefined;
      throw error;
    }
  };
}
