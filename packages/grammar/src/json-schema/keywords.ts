// Lists the JSON Schema keywords that apply to a type, and the keywords that no grammar guarantees.
import { formatPatterns } from "./strings/formats.ts";
import type { SchemaDocument } from "./schema-document.ts";
import { has, isRecord, refuse, keywordValue, type SchemaPart } from "./schema-part.ts";

export const jsonTypes = ["string", "number", "integer", "boolean", "null", "object", "array"] as const;
export type JsonType = (typeof jsonTypes)[number];

/** The keywords of each type. For a schema without `type`, the compiler writes the types to which the schema's keywords apply. */
export const typeKeywords = {
  string: ["minLength", "maxLength", "pattern", "format"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  object: [
    ...["properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties"],
    "maxProperties",
  ],
  array: ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"],
} as const;
export type ConstrainedType = keyof typeof typeKeywords;

const constraints: readonly string[] = ["type", "enum", "const", ...Object.values(typeKeywords).flat()];

/** Keywords that no grammar guarantees, unless the function finds that their value has no effect. Other unknown keywords are ignored. Decision 070. */
const unsupported: ReadonlyMap<string, (value: unknown, part: SchemaPart) => boolean> = new Map([
  ["not", isValue(false)],
  ["if", (_: unknown, part: SchemaPart) => !has(part, "then") && !has(part, "else")],
  ["dependentRequired", isEmptyRecord],
  ["dependentSchemas", isEmptyRecord],
  ["dependencies", isEmptyRecord],
  ["multipleOf", isValue(1)],
  ["uniqueItems", isValue(false)],
  ["minContains", isValue(1)],
  ["maxContains", () => false],
  ["unevaluatedProperties", isValue(true)],
  ["unevaluatedItems", isValue(true)],
  ["$dynamicRef", () => false],
  ["$recursiveRef", () => false],
]);

/** @throws UnsupportedSchemaError for the first keyword that the grammar cannot guarantee, unless the document leaves such keywords out */
export function refuseUnsupported({ leaveOut }: SchemaDocument, part: SchemaPart): void {
  for (const [keyword, asksNothing] of unsupported) {
    if (!has(part, keyword) || asksNothing(keywordValue(part, keyword), part)) continue;
    if (!leaveOut(part, keyword)) throw refuse(part, keyword, "is not supported");
  }
}

/** Whether the schema's own keywords exclude any value. Combined schemas, such as those of allOf, do not count. */
export function isConstraining(part: SchemaPart): boolean {
  return constraints.some((keyword) => asksSomething(part, keyword));
}

export function constrains(part: SchemaPart, type: ConstrainedType): boolean {
  return typeKeywords[type].some((keyword) => asksSomething(part, keyword));
}

/** Whether a keyword has an effect. Generators write `properties: {}` and `required: []` for unknown objects; these have no effect. */
export function asksSomething(part: SchemaPart, keyword: string): boolean {
  if (!has(part, keyword)) return false;
  const value = keywordValue(part, keyword);
  if (keyword === "format") return typeof value !== "string" || formatPatterns.has(value);
  if (keyword === "properties" || keyword === "patternProperties") {
    return !isEmptyRecord(value);
  }
  return !(keyword === "required" && Array.isArray(value) && value.length === 0);
}

function isEmptyRecord(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0;
}

function isValue(harmless: unknown): (value: unknown) => boolean {
  return (value) => value === harmless;
}
