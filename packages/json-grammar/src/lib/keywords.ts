// Owns which keywords there are: those that bear on a type, those that combine schemas, and those that are refused.
import { has, isRecord, refuse, valueOf, type SchemaPart } from "./schema-part.ts";

export const jsonTypes = ["string", "number", "integer", "boolean", "null", "object", "array"] as const;
export type JsonType = (typeof jsonTypes)[number];

/** A schema without `type` means the types that its keywords speak of. */
export const typeKeywords = {
  string: ["minLength", "maxLength", "pattern", "format"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  object: ["properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"],
} as const;
export type ConstrainedType = keyof typeof typeKeywords;

const constraints: readonly string[] = ["type", "enum", "const", ...Object.values(typeKeywords).flat()];

/** Refused, unless the value is one that asks for nothing. Whatever is in none of these lists is an annotation and ignored. */
const refused: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ["not", (value: unknown) => value === false],
  ["if", asksAlways],
  ["then", asksAlways],
  ["else", asksAlways],
  ["dependencies", isEmptyRecord],
  ["dependentRequired", isEmptyRecord],
  ["dependentSchemas", isEmptyRecord],
  ["patternProperties", isEmptyRecord],
  ["propertyNames", isAnyName],
  ["minProperties", (value: unknown) => value === 0],
  ["maxProperties", asksAlways],
  ["uniqueItems", (value: unknown) => value === false],
  ["additionalItems", asksAlways],
  ["contains", asksAlways],
  ["minContains", asksAlways],
  ["maxContains", asksAlways],
  ["unevaluatedProperties", (value: unknown) => value === true],
  ["unevaluatedItems", (value: unknown) => value === true],
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
  return constraints.some((keyword) => has(part, keyword));
}

export function constrains(part: SchemaPart, type: ConstrainedType): boolean {
  return typeKeywords[type].some((keyword) => has(part, keyword));
}

function asksAlways(): boolean {
  return false;
}

function isEmptyRecord(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0;
}

/** `{"type": "string"}` is what generators write for a record: every name is a string. */
function isAnyName(value: unknown): boolean {
  if (!isRecord(value)) return value === true;
  return Object.entries(value).every(([keyword, asked]) => keyword === "type" && asked === "string");
}
