// Owns which keywords there are: those that bear on a type, those that combine schemas, and those that are refused.
import { formatPatterns } from "./formats.ts";
import { has, isRecord, refuse, valueOf, type SchemaPart } from "./schema-part.ts";

export const jsonTypes = ["string", "number", "integer", "boolean", "null", "object", "array"] as const;
export type JsonType = (typeof jsonTypes)[number];

/** A schema without `type` means the types that its keywords speak of. */
export const typeKeywords = {
  string: ["minLength", "maxLength", "pattern", "format", "~notPattern", "~notFormat", "~notTexts"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "~notMultipleOf"],
  object: [
    ...["properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties"],
    ...["maxProperties", "~absent", "~value"],
  ],
  array: ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"],
} as const;
export type ConstrainedType = keyof typeof typeKeywords;

const constraints: readonly string[] = ["type", "enum", "const", ...Object.values(typeKeywords).flat()];

/** Refused, unless the value is one that asks for nothing. Whatever is in none of these lists is an annotation and ignored. */
const refused: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ["minContains", isValue(1)],
  ["maxContains", asksAlways],
  ["unevaluatedProperties", isValue(true)],
  ["unevaluatedItems", isValue(true)],
  ["$dynamicRef", asksAlways],
  ["$recursiveRef", asksAlways],
]);

/** @throws UnsupportedSchemaError for the first keyword that no grammar here can promise */
export function refuseUnsupported(part: SchemaPart): void {
  for (const [keyword, asksNothing] of refused) {
    if (has(part, keyword) && !asksNothing(valueOf(part, keyword))) throw refuse(part, keyword, "is not supported");
  }
}

/** Whether the schema itself, without what it combines, allows less than everything. */
export function isConstraining(part: SchemaPart): boolean {
  return constraints.some((keyword) => asksSomething(part, keyword));
}

export function constrains(part: SchemaPart, type: ConstrainedType): boolean {
  return typeKeywords[type].some((keyword) => asksSomething(part, keyword));
}

/** Generators write `properties: {}` and `required: []` for what they know nothing of; by the standard they ask for nothing. */
export function asksSomething(part: SchemaPart, keyword: string): boolean {
  if (!has(part, keyword)) return false;
  const value = valueOf(part, keyword);
  if (keyword === "format") return typeof value !== "string" || formatPatterns.has(value);
  if (keyword === "properties" || keyword === "patternProperties") return !isEmptyRecord(value);
  return !(keyword === "required" && Array.isArray(value) && value.length === 0);
}

function isEmptyRecord(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0;
}

function isValue(harmless: unknown): (value: unknown) => boolean {
  return (value) => value === harmless;
}

function asksAlways(): boolean {
  return false;
}
